-- task_due_alone
select next_at, id from task where state = 'ready' and json_array_length(died) >= 2 and next_at <= ?1 order by next_at limit 1
