-- message_prune_oldest
delete from message where id in (select id from message order by position limit $1)
