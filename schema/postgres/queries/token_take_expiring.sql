-- token_take_expiring
-- $1 now, $2 expiring, $3 used, all on the clock of the processes, as the columns are. ahead_until is on the database's. Who has
-- read a token has seen it good, so what expired before $3 was not read after it: those need not be looked at.
with clock as materialized (select (extract(epoch from clock_timestamp()) * 1000)::bigint as now),
taken as materialized (
    select t.stream from token t
    where t.access is not null and t.expires_at >= $3 and t.expires_at < $2 and t.used_at >= $3
        and t.stream >= $4 and t.stream < $5
        and (t.leased_until is null or t.leased_until <= $1)
        and (t.failed_fence is null or t.failed_fence <> t.fence or t.not_before <= $1)
        and (t.ahead_until is null
            or t.ahead_until <= (select now from clock)
            or t.ahead_until > (select now from clock) + $6 + 60000)
    order by t.expires_at
    limit $7
    for update skip locked
)
update token set ahead_until = (select now from clock) + $6
where stream in (select stream from taken)
returning stream
