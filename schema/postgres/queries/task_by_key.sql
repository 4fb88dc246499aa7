-- task_by_key
select state, position from task where key = $1
