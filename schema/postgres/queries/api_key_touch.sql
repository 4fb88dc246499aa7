-- api_key_touch
update api_key set used_at = $2 where id = $1 and (used_at is null or used_at < $2)
