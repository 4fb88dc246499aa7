-- webhook_put
-- Under webhook_turn.
insert into webhook (id, revision, data)
select $1::uuid, 1, $2::text where (select count(*) from webhook) < $3
