-- token_read_list
select minute, api_key, stream, count from token_read where minute >= ?1 order by minute desc, api_key, stream limit ?2
