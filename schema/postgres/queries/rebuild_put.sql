-- rebuild_put
insert into rebuilt (stream, version, position, form, state) values ($1, $2, $3, $4, $5)
on conflict (stream) do update set
    version = excluded.version, position = excluded.position, form = excluded.form, state = excluded.state
