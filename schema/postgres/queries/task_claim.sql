-- task_claim
update task set state = 'running', attempt = attempt + 1, leased_until = $2, reason = null
where id in (
    select id from task
    where (state = 'ready' and next_at <= $1) or (state = 'running' and leased_until <= $1)
    order by id
    limit $3
    for update skip locked
)
returning id, key, kind, component, authorizer, payload, sealed_by, sealed, attempt, created_at,
    (select position from log_head where shard = 0) as head
