-- token_expiring
select stream from token
where access is not null and expires_at < $2 and used_at >= $3
    and (leased_until is null or leased_until <= $1)
    and (failed_fence is null or failed_fence <> fence or not_before <= $1)
order by expires_at
limit $4
