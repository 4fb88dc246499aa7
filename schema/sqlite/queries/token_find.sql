-- token_find
select access, expires_at, generation, failures, not_before, case when failed_fence = fence then failure end as failure
from token
where stream = ?1
