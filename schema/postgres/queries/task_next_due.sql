-- task_next_due
select least(
    (select next_at from task where state = 'ready' and cardinality(died) < 2 order by next_at limit 1),
    (select leased_until from task where state = 'running' order by leased_until limit 1)
) as beside,
    (select next_at from task where state = 'ready' and cardinality(died) >= 2 order by next_at limit 1) as alone
