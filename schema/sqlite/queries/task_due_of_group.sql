-- task_due_of_group
select next_at, id from task
where state = 'ready' and json_array_length(died) < 2 and component = ?1 and kind = ?2 and next_at <= ?3
order by next_at limit ?4
