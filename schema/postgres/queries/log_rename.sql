-- log_rename
update log_head set log_id = $1 where shard = 0
