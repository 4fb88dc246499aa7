-- event_insert
insert into event (position, stream, version, id, name, form, command, occurred_at, recorded_at, data, sealed)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
