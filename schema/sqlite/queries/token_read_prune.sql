-- token_read_prune
delete from token_read
where (minute, api_key, stream) in (select minute, api_key, stream from token_read where minute < ?1 limit ?2)
