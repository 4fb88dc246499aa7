-- tried_alone_prune
delete from tried_alone where command in (select command from tried_alone where since < ?1 limit ?2)
