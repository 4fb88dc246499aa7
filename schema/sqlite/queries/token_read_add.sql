-- token_read_add
insert into token_read (minute, api_key, stream, count) values (?1, ?2, ?3, ?4)
on conflict (minute, api_key, stream) do update set count = token_read.count + excluded.count
