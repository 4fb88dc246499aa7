-- tried_alone_note
insert into tried_alone (command, detail, since)
values (?1, ?2, ?3)
on conflict (command) do update set ended = tried_alone.ended + 1, detail = excluded.detail
returning ended
