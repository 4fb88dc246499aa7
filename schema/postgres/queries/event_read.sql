-- event_read
select position, stream, version, id, name, form, command, occurred_at, recorded_at, data, sealed
from event
where position > $1
order by position
limit $2
