-- task_next_due
select (
    select min(due) from (
        select min(next_at) as due from task where state = 'ready' and json_array_length(died) < 2
        union all
        select min(leased_until) from task where state = 'running'
    )
), (
    select min(next_at) from task where state = 'ready' and json_array_length(died) >= 2
)
