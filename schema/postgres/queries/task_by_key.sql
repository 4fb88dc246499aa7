-- task_by_key
select key, state, position, authorizer, tag from task where key = any ($1)
