-- task_end_leases
update task set leased_until = $1 where state = 'running'
