-- erase_tasks
update task set state = 'done', done_at = ?3, leased_until = null, sealed = null
where component = ?1 and authorizer = ?2 and state <> 'done'
