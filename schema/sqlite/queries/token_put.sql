-- token_put
insert into token (stream, access, expires_at, generation, fence)
values (?1, ?2, ?3, ?4, 1)
on conflict (stream) do update set
    access = excluded.access, expires_at = excluded.expires_at, generation = excluded.generation,
    fence = token.fence + 1, leased_until = null
