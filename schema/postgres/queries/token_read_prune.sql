-- token_read_prune
delete from token_read where ctid = any (array(select ctid from token_read where minute < $1 limit $2))
