-- event_read_since
select w.after, e.position, e.stream, e.version, e.id, e.name, e.form, e.command, e.occurred_at, e.recorded_at, e.data, e.sealed
from unnest($1::text[], $2::bigint[]) as w (stream, after)
cross join lateral (
    select * from event where stream = w.stream and position > w.after order by version limit $3
) e
order by e.version
