-- token_take_expiring
-- ?1 now, ?2 expiring, ?3 used, all on the clock of the processes, as the columns are. ahead_until is on the database's. Who has
-- read a token has seen it good, so what expired before ?3 was not read after it: those need not be looked at.
update token set ahead_until = cast(unixepoch('subsec') * 1000 as integer) + ?6
where stream in (
    select stream from token
    where access is not null and expires_at >= ?3 and expires_at < ?2 and used_at >= ?3
        and stream >= ?4 and stream < ?5
        and (leased_until is null or leased_until <= ?1)
        and (failed_fence is null or failed_fence <> fence or not_before <= ?1)
        and (ahead_until is null
            or ahead_until <= cast(unixepoch('subsec') * 1000 as integer)
            or ahead_until > cast(unixepoch('subsec') * 1000 as integer) + ?6 + 60000)
    order by expires_at
    limit ?7
)
returning stream
