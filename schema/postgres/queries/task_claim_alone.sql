-- task_claim_alone
with due as materialized (
    select id from task where state = 'ready' and cardinality(died) >= 2 and next_at <= $1
    order by next_at limit 1 for update skip locked
)
update task set state = 'running', attempt = attempt + 1, leased_until = $2, reason = null, worker = $3, excused = false
from due where task.id = due.id
returning task.id, key, kind, component, authorizer, tag, payload, sealed_by, sealed, attempt, tries, created_at,
    cardinality(died) as deaths, (select position from log_head where shard = 0) as head
