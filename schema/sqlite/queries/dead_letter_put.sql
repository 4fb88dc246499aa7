-- dead_letter_put
insert into dead_letter (command, reason, detail, push_id, push, task, recorded_at)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
on conflict (command) do nothing
