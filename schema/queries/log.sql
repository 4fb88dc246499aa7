-- Events.

-- name: event_by_id
select position, stream, version, id, name, form, command, occurred_at, recorded_at, data, sealed
from event
where id = $1

-- name: event_read
select position, stream, version, id, name, form, command, occurred_at, recorded_at, data, sealed
from event
where position > $1
order by position
limit $2

-- name: event_read_stream
select position, stream, version, id, name, form, command, occurred_at, recorded_at, data, sealed
from event
where stream = $1 and position > $2 and position <= $3 and version < $4
order by version
limit $5

-- name: event_read_stream_backwards
select position, stream, version, id, name, form, command, occurred_at, recorded_at, data, sealed
from event
where stream = $1 and position > $2 and position <= $3 and version < $4
order by version desc
limit $5
