-- task_wake
update task set next_at = ?2 where component = ?1 and state = 'ready' and next_at > ?2
