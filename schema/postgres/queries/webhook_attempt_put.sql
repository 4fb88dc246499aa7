-- webhook_attempt_put
insert into webhook_attempt (id, webhook, data)
select $1::uuid, $2::uuid, $3::text where exists (select 1 from webhook where id = $2)
on conflict (id) do nothing
