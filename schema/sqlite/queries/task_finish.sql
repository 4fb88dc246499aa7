-- task_finish
update task set state = 'done', done_at = ?2, position = ?3, ending = ?4, leased_until = null, sealed = null where id = ?1
