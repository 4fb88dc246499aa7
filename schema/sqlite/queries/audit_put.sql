-- audit_put
insert into audit (id, recorded_at, actor, address, act, subject, detail) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
on conflict (id) do nothing
