-- message_prune
delete from message where received_at < $1
