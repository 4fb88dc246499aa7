-- task_state
select state from task where id = ?1
