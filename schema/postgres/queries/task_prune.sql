-- task_prune
delete from task where ctid = any (array(select ctid from task where state = 'done' and done_at < $1 limit $2))
