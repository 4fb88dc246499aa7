-- task_begin
update task set state = 'running', attempt = attempt + 1, leased_until = ?2, reason = null, worker = ?3, excused = 0
where id = ?1
returning id, key, kind, component, authorizer, tag, payload, sealed_by, sealed, attempt, tries, created_at, json_array_length(died)
