-- Comparisons with WeChat's list.

-- name: reconciliation_begin
-- The one that is under way, or this one.
insert into reconciliation (component, id, head, started_at, progress)
select $1::text, $2::uuid, h.position, $3::bigint, $4::text from log_head h where h.shard = 0
on conflict (component) do update set component = excluded.component
returning id, head, started_at, progress
