-- webhook_attempt_put
insert into webhook_attempt (id, webhook, data)
select ?1, ?2, ?3 where exists (select 1 from webhook where id = ?2)
on conflict (id) do nothing
