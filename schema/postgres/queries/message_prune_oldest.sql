-- message_prune_oldest
delete from message where ctid = any (array(select ctid from message order by position limit $1))
