-- tried_alone_prune
delete from tried_alone where since < ?1
