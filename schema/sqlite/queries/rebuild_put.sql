-- rebuild_put
insert into rebuilt (stream, version, position, form, state, component, status, search)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
on conflict (stream) do update set
    version = excluded.version, position = excluded.position, form = excluded.form, state = excluded.state,
    component = excluded.component, status = excluded.status, search = excluded.search
