-- task_queue
insert into task (id, key, kind, component, authorizer, payload, sealed_by, sealed, state, next_at, created_at)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'ready', ?9, ?9)
on conflict do nothing
