-- task_queue
insert into task (id, key, kind, component, authorizer, tag, payload, sealed_by, sealed, state, next_at, created_at)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'ready', ?10, ?10)
on conflict do nothing
