-- task_group_after
select component, kind from task
where state = 'ready' and json_array_length(died) < 2 and (component, kind) > (?1, ?2)
order by component, kind limit 1
