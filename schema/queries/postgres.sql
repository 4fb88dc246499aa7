-- What only PostgreSQL has, or has in words of its own.

-- name: append_batch
select result, outcome, last_position from append_batch($1)

-- name: command_find
select id, outcome, position from command where id = any($1)

-- name: consent_visit_by_code
select distinct on (code) code, data from consent_visit where code = any ($1) order by code, id

-- name: consent_visit_by_pre_auth
select code, data from consent_visit where pre_auth = any ($1)

-- name: dead_letter_remove
delete from dead_letter where command = any($1::uuid[])

-- name: dead_letter_settle
-- Letter and outcome in one statement, the letter first, as an append does; dead_letter_remove finds nothing then.
with removed as (delete from dead_letter where command = any($1::uuid[]) returning command)
update command set outcome = 'nothing'
where outcome = 'dead' and id = any(array(select command from removed))

-- name: event_read_since
-- Versions rise with positions, so the tail of a stream is found from its end.
select w.after, e.position, e.stream, e.version, e.id, e.name, e.form, e.command, e.occurred_at, e.recorded_at, e.data, e.sealed
from unnest($1::text[], $2::bigint[]) as w (stream, after)
cross join lateral (
    select * from event where stream = w.stream and version > coalesce((
        select p.version from event p where p.stream = w.stream and p.position <= w.after order by p.version desc limit 1
    ), 0)
    order by version limit $3
) e
order by e.version

-- name: key_samples
-- One probe of the index for each master key.
with recursive known as (
    (select min(k.master) as master from data_key k where k.wrapped is not null)
    union all
    select (select min(k.master) from data_key k where k.wrapped is not null and k.master > known.master)
    from known
    where known.master is not null
)
select sample.stream, sample.number, sample.master, sample.wrapped
from known
cross join lateral (
    select k.stream, k.number, k.master, k.wrapped
    from data_key k
    where k.wrapped is not null and k.master = known.master
    order by k.stream, k.number
    limit 1
) sample

-- name: lease_take
-- One look at the clock: now is excluded.until - $3. A lease that ends later than $3 and a minute from now was taken by a clock that
-- was ahead, and is over.
insert into lease (name, holder, until, fence)
values ($1, $2, (extract(epoch from clock_timestamp()) * 1000)::bigint + $3, 1)
on conflict (name) do update set
    holder = excluded.holder, until = excluded.until,
    fence = lease.fence + case when lease.holder = excluded.holder then 0 else 1 end
where lease.holder = excluded.holder or lease.until <= excluded.until - $3 or lease.until > excluded.until + 60000
returning fence

-- name: log_free
select position from log_head where shard = 0 for update skip locked

-- name: rebuild_prepare
create temp table rebuilt (
    stream text collate "C" primary key, version bigint not null, position bigint not null, form integer not null,
    state text not null, component text collate "C" not null, status text collate "C", search text collate "C" not null
)

-- name: reconciled_missing
select s.stream from state s
where s.kind = 'authorizer' and s.component = $1 and s.status <> 'revoked' and s.stream > $2
    and not exists (
        select 1 from reconciled r
        where r.component = $1 and r.authorizer = substr(s.stream, length('authorizer/' || $1 || '/') + 1)
    )
order by s.stream
limit $3

-- name: reconciled_put
insert into reconciled (component, authorizer) select $1, unnest($2::text[])
on conflict (component, authorizer) do nothing

-- name: state_list_authorizers
select s.stream, s.version, s.position, s.form, s.state, t.expires_at
from state s
left join token t on t.stream = s.stream and t.access is not null
where s.kind = 'authorizer'
    and ($1::text is null or s.component = $1)
    and ($2::text is null or s.status = $2)
    and ($3::text is null or strpos(s.search, lower($3 collate "C")) > 0)
    and s.stream > $4
order by s.stream
limit $5

-- name: state_load
-- State and keys of one moment, one row for each stream. The key is the one that the stream seals with.
select w.stream as wanted, s.stream, s.version, s.position, s.form, s.state, coalesce(last.number, 0) as last_key,
    last.number is not null and last.wrapped is null as last_key_destroyed, own.number as key_number, own.master, own.wrapped
from unnest($1::text[]) as w (stream)
left join lateral (
    select number, wrapped from data_key where stream = w.stream order by number desc limit 1
) last on true
left join data_key own on own.stream = w.stream and own.wrapped is not null
    and own.number = case when w.stream like 'component/%' then 1 else last.number end
left join state s on s.stream = w.stream

-- name: task_by_key
select key, state, position, authorizer, tag from task where key = any ($1)

-- name: task_claim
-- The oldest that are due, of each component and kind no more than its share of the calls: 1/(n + 1) for n of them.
with recursive every (component, kind) as (
    (select component, kind from task where state = 'ready' and cardinality(died) < 2 order by component, kind limit 1)
    union all
    select n.component, n.kind from every e cross join lateral (
        select component, kind from task
        where state = 'ready' and cardinality(died) < 2 and (component, kind) > (e.component, e.kind)
        order by component, kind limit 1
    ) n
),
busy as (
    select * from unnest($5::text[], $6::text[], $7::bigint[]) as b (component, kind, running)
),
active as (
    select component, kind from every e where exists (
        select from task t
        where state = 'ready' and cardinality(died) < 2 and t.component = e.component and t.kind = e.kind and next_at <= $1
    )
),
share as (
    select greatest($8::bigint / (1 + count(*)), 1) as size
    from (select component, kind from active union select component, kind from busy) groups
),
due as materialized (
    select t.id from active a
    cross join share
    left join busy b on b.component = a.component and b.kind = a.kind
    cross join lateral (
        select id, next_at from task
        where state = 'ready' and cardinality(died) < 2 and component = a.component and kind = a.kind and next_at <= $1
        order by next_at limit least(greatest(share.size - coalesce(b.running, 0), 0), $4) for update skip locked
    ) t
    order by t.next_at limit $4
)
update task set state = 'running', attempt = attempt + 1, leased_until = $2, reason = null, worker = $3, excused = false
from due where task.id = due.id
returning task.id, key, kind, component, authorizer, tag, payload, sealed_by, sealed, attempt, tries, created_at,
    cardinality(died) as deaths, (select position from log_head where shard = 0) as head

-- name: task_claim_alone
with due as materialized (
    select id from task where state = 'ready' and cardinality(died) >= 2 and next_at <= $1
    order by next_at limit 1 for update skip locked
)
update task set state = 'running', attempt = attempt + 1, leased_until = $2, reason = null, worker = $3, excused = false
from due where task.id = due.id
returning task.id, key, kind, component, authorizer, tag, payload, sealed_by, sealed, attempt, tries, created_at,
    cardinality(died) as deaths, (select position from log_head where shard = 0) as head

-- name: task_next_due
select least(
    (select next_at from task where state = 'ready' and cardinality(died) < 2 order by next_at limit 1),
    (select leased_until from task where state = 'running' order by leased_until limit 1)
) as beside,
    (select next_at from task where state = 'ready' and cardinality(died) >= 2 order by next_at limit 1) as alone

-- name: task_outlive
update task set died = array_remove(died, $2) where id = $1 and $2 = any(died)

-- name: task_retry
update task set state = 'ready', next_at = $3, leased_until = null, reason = $4, tries = tries + 1, died = '{}'
where id = $1 and attempt = $2 and state = 'running'

-- name: task_revive
update task set state = 'ready', next_at = $2, tries = 0, died = died[1:2]
where state = 'dead' and id = (select task from dead_letter where command = $1)

-- name: task_take_back
with lapsed as materialized (
    select id from task where state = 'running' and leased_until <= $1
    order by leased_until limit 1000 for update skip locked
)
update task set state = 'ready', next_at = leased_until, leased_until = null,
    died = case when worker <> $2 and not excused then died || attempt else died end
from lapsed where task.id = lapsed.id

-- name: token_take_expiring
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

-- name: token_touch
update token set used_at = $2 where stream = any($1) and (used_at is null or used_at < $2)

-- name: webhook_turn
-- One after the other to the end of the transaction.
select pg_advisory_xact_lock(hashtextextended('mandate.webhook', 0))
