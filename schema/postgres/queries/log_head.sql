-- log_head
select position, log_id from log_head where shard = 0
