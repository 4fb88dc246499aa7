-- task_claim
update task set state = 'running', attempt = attempt + 1, leased_until = ?2, reason = null, worker = ?3, excused = 0
where id in (
    select id from task where state = 'ready' and json_array_length(died) < 2 and next_at <= ?1 order by next_at limit ?4
)
returning id, key, kind, component, authorizer, tag, payload, sealed_by, sealed, attempt, tries, created_at, json_array_length(died)
