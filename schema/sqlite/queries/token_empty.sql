-- token_empty
update token set access = null, expires_at = null, fence = fence + 1, leased_until = null where stream = ?1
