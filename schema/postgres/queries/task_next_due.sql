-- task_next_due
select min(due) from (
    select min(next_at) as due from task where state = 'ready'
    union all
    select min(leased_until) from task where state = 'running'
) waiting
