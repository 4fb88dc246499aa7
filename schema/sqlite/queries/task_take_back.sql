-- task_take_back
update task set state = 'ready', next_at = leased_until, leased_until = null,
    died = case when worker <> ?2 and not excused then json_insert(died, '$[#]', attempt) else died end
where id in (
    select id from task where state = 'running' and leased_until <= ?1 order by leased_until limit 1000
)
