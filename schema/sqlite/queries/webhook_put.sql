-- webhook_put
insert into webhook (id, revision, data)
select ?1, 1, ?2 where (select count(*) from webhook) < ?3
