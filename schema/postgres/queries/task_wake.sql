-- task_wake
update task set next_at = $3 where component = $1 and reason = $2 and state = 'ready' and next_at > $3
