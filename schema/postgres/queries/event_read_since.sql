-- event_read_since
-- Versions rise with positions, so the tail of a stream is found from its end.
select w.after, e.position, e.stream, e.version, e.id, e.name, e.form, e.command, e.occurred_at, e.recorded_at, e.data, e.sealed
from unnest($1::text[], $2::bigint[]) as w (stream, after)
cross join lateral (
    select * from event where stream = w.stream and version > coalesce((
        select p.version from event p where p.stream = w.stream and p.position <= w.after order by p.version desc limit 1
    ), 0)
    order by version limit $3
) e
order by e.version
