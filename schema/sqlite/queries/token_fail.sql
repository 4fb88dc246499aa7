-- token_fail
update token set leased_until = null, failures = ?3, not_before = ?4, failure = ?5, failed_fence = fence
where stream = ?1 and fence = ?2
