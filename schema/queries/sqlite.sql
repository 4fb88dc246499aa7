-- What only SQLite has, or has in words of its own.

-- name: command_find
select id, outcome, position from command where id in (select unhex(value) from json_each($1))

-- name: command_put
insert into command (id, outcome, position, recorded_at)
values ($1, $2, $3, $4)
on conflict (id) do update set outcome = excluded.outcome, position = excluded.position, recorded_at = excluded.recorded_at

-- name: consent_visit_by_code
-- Of several the oldest.
select code, min(id), data from consent_visit where code in (select value from json_each($1)) group by code

-- name: consent_visit_by_pre_auth
select code, data from consent_visit where pre_auth in (select value from json_each($1))

-- name: dead_letter_put
insert into dead_letter (command, reason, detail, push_id, push, task, recorded_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (command) do nothing

-- name: dead_letter_remove
delete from dead_letter where command in (select unhex(value) from json_each($1))

-- name: dead_letter_settle
-- Before dead_letter_remove.
update command set outcome = 'nothing'
where outcome = 'dead' and id in (select command from dead_letter where command in (select unhex(value) from json_each($1)))

-- name: erase_keys_of_notices
update data_key set master = null, wrapped = null, destroyed_at = $3
where wrapped is not null
    and (stream, number) in (select stream, number from data_key_subject where authorizer = $2 and stream = $1)

-- name: erase_letters
-- The dead letters of its tasks, before these are wiped.
select command from dead_letter
where task in (select id from task where component = $1 and authorizer = $2 and state <> 'done')

-- name: erase_messages
insert into erased_messages (component, authorizer, position)
select $1, $2, h.position
from message_head h
where exists (select 1 from message m where m.component = $1 and m.authorizer = $2)
on conflict (component, authorizer) do update set position = excluded.position

-- name: erase_tasks
update task set state = 'done', done_at = $3, leased_until = null, sealed = null
where component = $1 and authorizer = $2 and state <> 'done'

-- name: erase_token
update token set access = null, expires_at = null, fence = fence + 1, leased_until = null, used_at = null, failures = 0,
    failed_fence = null, not_before = null, failure = null
where stream = $1

-- name: event_insert
insert into event (position, stream, version, id, name, form, command, occurred_at, recorded_at, data, sealed)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: event_read_since
-- Versions are dense in a stream and rise with positions. The limit that limits nothing has each tail looked for once.
select w.after, e.position, e.stream, e.version, e.id, e.name, e.form, e.command, e.occurred_at, e.recorded_at, e.data, e.sealed
from (
    select asked.value as stream, $2 ->> asked.key as after, coalesce((
        select p.version from event p
        where p.stream = asked.value and p.position <= $2 ->> asked.key
        order by p.version desc limit 1
    ), 0) as version
    from json_each($1) asked
    limit -1
) w
cross join event e on e.stream = w.stream and e.version > w.version and e.version <= w.version + $3
order by e.version

-- name: key_samples
select stream, max(number) as number, master, wrapped
from data_key
where wrapped is not null
group by master

-- name: lease_take
-- One look at the clock: now is excluded.until - $3. A lease that ends later than $3 and a minute from now was taken by a clock that
-- was ahead, and is over.
insert into lease (name, holder, until, fence)
values ($1, $2, cast(unixepoch('subsec') * 1000 as integer) + $3, 1)
on conflict (name) do update set
    holder = excluded.holder, until = excluded.until,
    fence = lease.fence + case when lease.holder = excluded.holder then 0 else 1 end
where lease.holder = excluded.holder or lease.until <= excluded.until - $3 or lease.until > excluded.until + 60000
returning fence

-- name: log_free
select position from log_head where shard = 0

-- name: rebuild_prepare
create temp table rebuilt (
    stream text primary key, version integer not null, position integer not null, form integer not null, state text not null,
    component text not null, status text, search text not null
) strict, without rowid

-- name: reconciled_missing
select s.stream from state s
where +s.kind = 'authorizer' and +s.component = $1 and s.status <> 'revoked' and s.stream > $2
    and not exists (
        select 1 from reconciled r
        where r.component = $1 and r.authorizer = substr(s.stream, length('authorizer/' || $1 || '/') + 1)
    )
order by s.stream
limit $3

-- name: reconciled_put
insert into reconciled (component, authorizer) select $1, value from json_each($2) where true
on conflict (component, authorizer) do nothing

-- name: state_list_authorizers
-- By the range of names alone, in their order: an index on the status would make the planner sort every row.
select s.stream, s.version, s.position, s.form, s.state, t.expires_at
from state s
left join token t on t.stream = s.stream and t.access is not null
where s.stream > max($4, 'authorizer/' || coalesce($1 || '/', ''))
    and s.stream < 'authorizer' || coalesce('/' || $1, '') || '0'
    and ($2 is null or s.status = $2)
    and ($3 is null or instr(s.search, lower($3)) > 0)
order by s.stream
limit $5

-- name: state_load
-- State and keys of one moment, one row for each stream. The key is the one that the stream seals with.
select w.value as wanted, s.stream, s.version, s.position, s.form, s.state, coalesce(last.number, 0) as last_key,
    last.number is not null and last.wrapped is null as last_key_destroyed, own.number as key_number, own.master, own.wrapped
from json_each($1) w
left join data_key last on last.stream = w.value
    and last.number = (select max(number) from data_key where stream = w.value)
left join data_key own on own.stream = w.value and own.wrapped is not null
    and own.number = case when w.value like 'component/%' then 1 else last.number end
left join state s on s.stream = w.value

-- name: state_put
insert into state (stream, version, position, form, state, component, status, search)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (stream) do update set
    version = excluded.version, position = excluded.position, form = excluded.form, state = excluded.state,
    component = excluded.component, status = excluded.status, search = excluded.search

-- name: task_begin
update task set state = 'running', attempt = attempt + 1, leased_until = $2, reason = null, worker = $3, excused = 0
where id = $1
returning id, key, kind, component, authorizer, tag, payload, sealed_by, sealed, attempt, tries, created_at,
    json_array_length(died) as deaths, (select position from log_head where shard = 0) as head

-- name: task_by_key
select key, state, position, authorizer, tag from task where key in (select value from json_each($1))

-- name: task_due_alone
select next_at, id from task where state = 'ready' and json_array_length(died) >= 2 and next_at <= $1 order by next_at limit 1

-- name: task_due_of_group
select next_at, id from task
where state = 'ready' and json_array_length(died) < 2 and component = $1 and kind = $2 and next_at <= $3
order by next_at limit $4

-- name: task_finish
update task set state = 'done', done_at = $2, position = $3, ending = $4, leased_until = null, sealed = null where id = $1

-- name: task_group_after
select component, kind from task
where state = 'ready' and json_array_length(died) < 2 and (component, kind) > ($1, $2)
order by component, kind limit 1

-- name: task_learn
update task set authorizer = coalesce(authorizer, $2), tag = coalesce(tag, $3)
where key = $1 and (authorizer is null and $2 is not null or tag is null and $3 is not null)

-- name: task_next_due
select (
    select min(due) from (
        select min(next_at) as due from task where state = 'ready' and json_array_length(died) < 2
        union all
        select min(leased_until) from task where state = 'running'
    )
) as beside, (
    select min(next_at) from task where state = 'ready' and json_array_length(died) >= 2
) as alone

-- name: task_outlive
update task set died = (select json_group_array(value) from json_each(died) where value <> $2)
where id = $1 and $2 in (select value from json_each(died))

-- name: task_queue
insert into task (id, key, kind, component, authorizer, tag, payload, sealed_by, sealed, state, next_at, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'ready', $10, $10)
on conflict do nothing

-- name: task_retry
update task set state = 'ready', next_at = $3, leased_until = null, reason = $4, tries = tries + 1, died = '[]'
where id = $1 and attempt = $2 and state = 'running'

-- name: task_revive
update task set state = 'ready', next_at = $2, tries = 0,
    died = (select json_group_array(value) from json_each(died) where key < 2)
where state = 'dead' and id = (select task from dead_letter where command = $1)

-- name: task_take_back
update task set state = 'ready', next_at = leased_until, leased_until = null,
    died = case when worker <> $2 and not excused then json_insert(died, '$[#]', attempt) else died end
where id in (
    select id from task where state = 'running' and leased_until <= $1 order by leased_until limit 1000
)

-- name: token_put
insert into token (stream, access, expires_at, generation, fence)
values ($1, $2, $3, $4, 1)
on conflict (stream) do update set
    access = excluded.access, expires_at = excluded.expires_at, generation = excluded.generation,
    fence = token.fence + 1, leased_until = null

-- name: token_take_expiring
-- $1 now, $2 expiring, $3 used, all on the clock of the processes, as the columns are. ahead_until is on the database's. Who has
-- read a token has seen it good, so what expired before $3 was not read after it: those need not be looked at.
update token set ahead_until = cast(unixepoch('subsec') * 1000 as integer) + $6
where stream in (
    select stream from token
    where access is not null and expires_at >= $3 and expires_at < $2 and used_at >= $3
        and stream >= $4 and stream < $5
        and (leased_until is null or leased_until <= $1)
        and (failed_fence is null or failed_fence <> fence or not_before <= $1)
        and (ahead_until is null
            or ahead_until <= cast(unixepoch('subsec') * 1000 as integer)
            or ahead_until > cast(unixepoch('subsec') * 1000 as integer) + $6 + 60000)
    order by expires_at
    limit $7
)
returning stream

-- name: token_touch
update token set used_at = $2
where stream in (select value from json_each($1)) and (used_at is null or used_at < $2)

-- name: webhook_turn
-- The write lock is held already.
update webhook set revision = revision where false
