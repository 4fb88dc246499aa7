-- event_by_id
select position, stream, version, id, name, form, command, occurred_at, recorded_at, data, sealed
from event
where id = $1
