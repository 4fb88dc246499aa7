-- task_claim
with lapsed as materialized (
    select id from task where state = 'running' and leased_until <= $1
    order by leased_until limit $3 for update skip locked
), due as materialized (
    select id from task where state = 'ready' and next_at <= $1
    order by next_at limit $3 for update skip locked
), chosen as materialized (
    select id from lapsed union all select id from due limit $3
)
update task set state = 'running', attempt = attempt + 1, leased_until = $2, reason = null
from chosen where task.id = chosen.id
returning task.id, key, kind, component, authorizer, payload, sealed_by, sealed, attempt, created_at,
    (select position from log_head where shard = 0) as head
