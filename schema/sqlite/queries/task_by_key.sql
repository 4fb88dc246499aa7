-- task_by_key
select state, position, authorizer, tag from task where key = ?1
