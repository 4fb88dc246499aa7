-- erase_token
update token set access = null, expires_at = null, fence = fence + 1, leased_until = null, used_at = null, failures = 0,
    failed_fence = null, not_before = null, failure = null
where stream = ?1
