-- task_claim
update task set state = 'running', attempt = attempt + 1, leased_until = ?2, reason = null
where id in (
    select id from (
        select id from task where state = 'running' and leased_until <= ?1 order by leased_until limit ?3
    )
    union all
    select id from (select id from task where state = 'ready' and next_at <= ?1 order by next_at limit ?3)
    limit ?3
)
returning id, key, kind, component, authorizer, payload, sealed_by, sealed, attempt, created_at
