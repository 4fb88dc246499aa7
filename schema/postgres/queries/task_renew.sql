-- task_renew
update task set leased_until = $3
where id = $1 and attempt = $2 and state = 'running'
