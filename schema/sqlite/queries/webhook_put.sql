-- webhook_put
insert into webhook (id, revision, data) values (?1, 1, ?2)
