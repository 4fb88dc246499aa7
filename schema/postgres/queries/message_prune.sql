-- message_prune
delete from message where ctid = any (array(select ctid from message where received_at < $1 limit $2))
