-- turn_take
insert into checkpoint (reader, position) values ($1, $2)
on conflict (reader) do update set position = excluded.position where checkpoint.position <= $3
