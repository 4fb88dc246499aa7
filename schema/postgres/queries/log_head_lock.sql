-- log_head_lock
-- Keeps every append away until the transaction ends.
select position from log_head where shard = 0 for update
