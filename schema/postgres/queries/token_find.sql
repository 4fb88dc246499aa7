-- token_find
select access, expires_at, generation from token where stream = $1
