-- Token rows and their leases.

-- name: token_find
select access, expires_at, generation, failures, not_before, case when failed_fence = fence then failure end as failure
from token
where stream = $1

-- name: token_lease
-- The failure is that before the lease.
insert into token (stream, generation, fence, leased_until)
values ($1, 0, 1, $3)
on conflict (stream) do update set fence = token.fence + 1, leased_until = excluded.leased_until
    where token.leased_until is null or token.leased_until <= $2
returning access, expires_at, generation, failures, not_before, case when failed_fence = fence - 1 then failure end as failure, fence

-- name: token_fail
update token set leased_until = null, failures = $3, not_before = $4, failure = $5, failed_fence = fence
where stream = $1 and fence = $2
