-- log_head_move
update log_head set position = ?1 where shard = 0
