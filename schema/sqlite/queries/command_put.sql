-- command_put
insert into command (id, outcome, position, recorded_at)
values (?1, ?2, ?3, ?4)
on conflict (id) do update set outcome = excluded.outcome, position = excluded.position, recorded_at = excluded.recorded_at
