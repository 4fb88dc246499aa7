-- task_die
update task set state = 'dead', leased_until = null where id = ?1 and state <> 'done'
