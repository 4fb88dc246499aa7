-- task_state
select state, attempt, authorizer, tag, ending from task where id = ?1
