-- token_store
update token set access = $4, expires_at = $5, leased_until = null
where stream = $1 and fence = $2 and generation = $3
