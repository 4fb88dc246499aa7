-- message_prune_erased
delete from message
where ctid = any (array(
    select ctid from message where component = $1 and authorizer = $2 and position <= $3 limit $4
))
