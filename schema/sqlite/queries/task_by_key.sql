-- task_by_key
select state, position, authorizer from task where key = ?1
