-- token_touch
update token set used_at = $2 where stream = any($1) and (used_at is null or used_at < $2)
