-- event_read_stream
select position, stream, version, id, name, form, command, occurred_at, recorded_at, data, sealed
from event
where stream = $1 and position > $2 and position <= $3 and version < $4
order by version
limit $5
