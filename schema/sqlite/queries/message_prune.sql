-- message_prune
delete from message where id in (select id from message where received_at < ?1 limit ?2)
