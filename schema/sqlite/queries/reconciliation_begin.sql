-- reconciliation_begin
insert into reconciliation (component, id, head, started_at, progress)
select ?1, ?2, h.position, ?3, ?4 from log_head h where h.shard = 0
on conflict (component) do nothing
