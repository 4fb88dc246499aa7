-- task_release
update task set state = 'ready', next_at = ?3, leased_until = null
where id = ?1 and attempt = ?2 and state = 'running'
