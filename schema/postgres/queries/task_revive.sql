-- task_revive
update task set state = 'ready', next_at = $2, tries = 0, died = died[1:2] where id = $1 and state = 'dead'
