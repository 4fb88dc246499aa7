-- task_revive
update task set state = 'ready', next_at = $2 where id = $1 and state = 'dead'
