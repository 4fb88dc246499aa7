-- task_prune
delete from task where id in (select id from task where state = 'done' and done_at < ?1 limit ?2)
