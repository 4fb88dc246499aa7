-- task_prune
delete from task where state = 'done' and done_at < $1
