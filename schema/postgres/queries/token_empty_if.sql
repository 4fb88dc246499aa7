-- token_empty_if
update token set access = null, expires_at = null where stream = $1 and access = $2
