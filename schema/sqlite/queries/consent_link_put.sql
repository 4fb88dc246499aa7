-- consent_link_put
insert into consent_link (id, data, expires_at) values (?1, ?2, ?3)
on conflict (id) do nothing
