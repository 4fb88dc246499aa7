-- task_claim
-- The oldest that are due, of each component and kind no more than its share of the calls: 1/(n + 1) for n of them.
with recursive every (component, kind) as (
    (select component, kind from task where state = 'ready' and cardinality(died) < 2 order by component, kind limit 1)
    union all
    select n.component, n.kind from every e cross join lateral (
        select component, kind from task
        where state = 'ready' and cardinality(died) < 2 and (component, kind) > (e.component, e.kind)
        order by component, kind limit 1
    ) n
),
busy as (
    select * from unnest($5::text[], $6::text[], $7::bigint[]) as b (component, kind, running)
),
active as (
    select component, kind from every e where exists (
        select from task t
        where state = 'ready' and cardinality(died) < 2 and t.component = e.component and t.kind = e.kind and next_at <= $1
    )
),
share as (
    select greatest($8::bigint / (1 + count(*)), 1) as size
    from (select component, kind from active union select component, kind from busy) groups
),
due as materialized (
    select t.id from active a
    cross join share
    left join busy b on b.component = a.component and b.kind = a.kind
    cross join lateral (
        select id, next_at from task
        where state = 'ready' and cardinality(died) < 2 and component = a.component and kind = a.kind and next_at <= $1
        order by next_at limit least(greatest(share.size - coalesce(b.running, 0), 0), $4) for update skip locked
    ) t
    order by t.next_at limit $4
)
update task set state = 'running', attempt = attempt + 1, leased_until = $2, reason = null, worker = $3, excused = false
from due where task.id = due.id
returning task.id, key, kind, component, authorizer, tag, payload, sealed_by, sealed, attempt, tries, created_at,
    cardinality(died) as deaths, (select position from log_head where shard = 0) as head
