-- State rebuilt beside the live rows, in a table of its connection alone.

-- name: rebuild_compare
select stream from (
    select stream, version, position, form, state, component, status, search from state
    except
    select stream, version, position, form, state, component, status, search from rebuilt
) no_longer
union
select stream from (
    select stream, version, position, form, state, component, status, search from rebuilt
    except
    select stream, version, position, form, state, component, status, search from state
) not_yet
order by stream

-- name: rebuild_fill_live
insert into state (stream, version, position, form, state, component, status, search)
select stream, version, position, form, state, component, status, search from rebuilt

-- name: rebuild_put
insert into rebuilt (stream, version, position, form, state, component, status, search)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (stream) do update set
    version = excluded.version, position = excluded.position, form = excluded.form, state = excluded.state,
    component = excluded.component, status = excluded.status, search = excluded.search
