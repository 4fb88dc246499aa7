-- token_read_prune
delete from token_read where minute < ?1
