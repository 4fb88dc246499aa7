-- tried_alone_prune
delete from tried_alone where ctid = any (array(select ctid from tried_alone where since < $1 limit $2))
