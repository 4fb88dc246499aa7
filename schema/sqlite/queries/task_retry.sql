-- task_retry
update task set state = 'ready', next_at = ?3, leased_until = null, reason = ?4, tries = tries + 1, died = '[]'
where id = ?1 and attempt = ?2 and state = 'running'
