-- 0001_log: the event log, its commands, state, tasks, keys, tokens, dead letters, messages, checkpoints.
-- Times are Unix milliseconds. Texts compare byte by byte (collation C), so that lists have the same order on every database.

create table log_head (
    shard smallint primary key check (shard = 0),
    position bigint not null,
    log_id text not null
) with (fillfactor = 50);

create table event (
    position bigint primary key,
    stream text collate "C" not null,
    version bigint not null,
    id uuid not null unique,
    name text not null,
    form integer not null,
    command uuid not null,
    occurred_at bigint,
    recorded_at bigint not null,
    data text not null,
    sealed text not null,
    unique (stream, version)
);

create function event_is_never_changed() returns trigger language plpgsql as $$
begin
    raise exception 'the event log is append-only';
end
$$;

create trigger event_is_never_changed before update or delete or truncate on event
    for each statement execute function event_is_never_changed();

create table command (
    id uuid primary key,
    outcome text not null check (outcome in ('applied', 'nothing', 'dead', 'discarded')),
    position bigint,
    recorded_at bigint not null
);

-- jsonb refuses the escape \u0000, which a profile may hold; for the columns that are searched it is read as a blank.
create table state (
    stream text collate "C" primary key,
    version bigint not null,
    position bigint not null,
    form integer not null,
    state text not null,
    kind text collate "C" generated always as (split_part(stream, '/', 1)) stored,
    component text collate "C" generated always as (split_part(stream, '/', 2)) stored,
    status text collate "C" generated always as (replace(state, '\u0000', '\u0020')::jsonb ->> 'status') stored,
    search text collate "C" generated always as (lower((split_part(stream, '/', 3)
        || ' ' || coalesce(replace(state, '\u0000', '\u0020')::jsonb #>> '{profile,nick_name}', '')
        || ' ' || coalesce(replace(state, '\u0000', '\u0020')::jsonb #>> '{profile,user_name}', '')
        || ' ' || coalesce(replace(state, '\u0000', '\u0020')::jsonb #>> '{profile,principal_name}', '')) collate "C")) stored
) with (fillfactor = 70);

create index state_by_status on state (kind, component, status);

create table task (
    id uuid primary key,
    key text collate "C" not null unique,
    kind text not null,
    component text not null,
    authorizer text,
    payload text not null,
    sealed_by text,
    sealed text,
    state text not null check (state in ('ready', 'running', 'done', 'dead')),
    attempt integer not null default 0,
    next_at bigint not null,
    leased_until bigint,
    reason text,
    position bigint,
    created_at bigint not null,
    done_at bigint
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);

create index task_due on task (next_at) where state = 'ready';
create index task_leased on task (leased_until) where state = 'running';
create index task_done on task (done_at) where state = 'done';
create index task_counts on task (kind, state);

create table data_key (
    stream text collate "C" not null,
    number integer not null,
    master text,
    wrapped bytea,
    about text,
    destroyed_at bigint,
    primary key (stream, number)
);

create index data_key_about on data_key (about) where about is not null;

create table token (
    stream text collate "C" primary key,
    access text,
    expires_at bigint,
    generation bigint not null,
    fence bigint not null,
    leased_until bigint
) with (fillfactor = 50);

create table dead_letter (
    command uuid primary key,
    reason text not null,
    detail text not null,
    push_id uuid,
    push text,
    task uuid,
    retries integer not null default 0,
    recorded_at bigint not null
);

create table message (
    id uuid primary key,
    component text not null,
    authorizer text not null,
    push text not null,
    received_at bigint not null
);

create index message_by_age on message (received_at);

create table checkpoint (
    reader text primary key,
    position bigint not null
);

-- Appends a batch of commands, an array of the form that `batch.rs` writes, and answers one row for each, in order. Called in
-- autocommit: a client that dies cannot park the lock of log_head, which is held from here to the commit, so that the order of
-- commits is the order of positions. Each inner statement sees what was committed before it.
create function append_batch(batch jsonb)
returns table (result text, outcome text, last_position bigint) language plpgsql as $$
declare
    head bigint;
    first bigint;
    item jsonb;
    command_id uuid;
    task_id uuid;
    at bigint;
    appended bigint;
    known record;
    is_retry boolean;
begin
    select h.position into strict head from log_head h where h.shard = 0 for update;
    first := head;
    for item in select value from jsonb_array_elements(batch) loop
        command_id := (item ->> 'id')::uuid;
        task_id := (item ->> 'task')::uuid;
        at := (item ->> 'recorded_at')::bigint;
        outcome := null;
        last_position := null;

        select c.outcome, c.position into known from command c where c.id = command_id;
        is_retry := found;
        if is_retry and (known.outcome <> 'dead' or item ? 'letter') then
            result := 'duplicate';
            outcome := known.outcome;
            last_position := known.position;
            return next;
            continue;
        end if;
        if task_id is not null and not exists (select from task t where t.id = task_id and t.state <> 'done') then
            result := 'finished';
            return next;
            continue;
        end if;

        if item ? 'letter' then
            update task t set state = 'dead', leased_until = null where t.id = task_id;
            insert into dead_letter (command, reason, detail, push_id, push, task, recorded_at)
            select command_id, l ->> 'reason', l ->> 'detail', (l ->> 'push_id')::uuid, l ->> 'push', task_id, at
            from (select item -> 'letter' as l) letter
            on conflict (command) do nothing;
            insert into command (id, outcome, recorded_at) values (command_id, 'dead', at);
            result := 'stored';
            return next;
            continue;
        end if;

        if coalesce((select s.version from state s where s.stream = item ->> 'stream'), 0) <> (item ->> 'expected')::bigint
            or exists (
                select from jsonb_to_recordset(item -> 'keys') as k (stream text, number integer)
                where k.number <= coalesce((select max(d.number) from data_key d where d.stream = k.stream), 0)
            )
        then
            result := 'conflict';
            return next;
            continue;
        end if;

        -- Nothing is written above this line: a conflict does not undo what the rest of the batch stores.
        insert into data_key (stream, number, master, wrapped, about)
        select k.stream, k.number, k.master, decode(k.wrapped, 'base64'), k.about
        from jsonb_to_recordset(item -> 'keys')
            as k (stream text, number integer, master text, wrapped text, about text);

        insert into event (position, stream, version, id, name, form, command, occurred_at, recorded_at, data, sealed)
        select head + e.n, item ->> 'stream', (item ->> 'expected')::bigint + e.n, (v ->> 'id')::uuid, v ->> 'name',
            (v ->> 'form')::integer, (v ->> 'command')::uuid, (v ->> 'occurred_at')::bigint, (v ->> 'recorded_at')::bigint,
            v ->> 'data', v ->> 'sealed'
        from jsonb_array_elements(item -> 'events') with ordinality as e (v, n);
        get diagnostics appended = row_count;
        head := head + appended;

        if appended > 0 then
            last_position := head;
            insert into state as s (stream, version, position, form, state)
            values (item ->> 'stream', (item ->> 'expected')::bigint + appended, head,
                (item -> 'state' ->> 'form')::integer, item -> 'state' ->> 'json')
            on conflict (stream) do update set
                version = excluded.version, position = excluded.position, form = excluded.form, state = excluded.state;
        end if;

        if item -> 'token' ->> 'change' = 'empty' then
            update token t set access = null, expires_at = null, fence = t.fence + 1, leased_until = null
            where t.stream = item ->> 'stream';
        elsif item -> 'token' ->> 'change' = 'store' then
            insert into token as t (stream, access, expires_at, generation, fence)
            values (item ->> 'stream', item -> 'token' ->> 'access', (item -> 'token' ->> 'expires_at')::bigint,
                (item -> 'token' ->> 'generation')::bigint, 1)
            on conflict (stream) do update set
                access = excluded.access, expires_at = excluded.expires_at, generation = excluded.generation,
                fence = t.fence + 1, leased_until = null;
        end if;

        insert into task (id, key, kind, component, authorizer, payload, sealed_by, sealed, state, next_at, created_at)
        select k.id, k.key, k.kind, k.component, k.authorizer, k.payload, k.sealed_by, k.sealed, 'ready', at, at
        from jsonb_to_recordset(item -> 'tasks') as k (
            id uuid, key text, kind text, component text, authorizer text, payload text, sealed_by text, sealed text)
        on conflict do nothing;

        if task_id is not null then
            update task t set state = 'done', done_at = at, position = last_position, leased_until = null, sealed = null
            where t.id = task_id;
        end if;

        insert into command as c (id, outcome, position, recorded_at)
        values (command_id, case when appended > 0 then 'applied' else 'nothing' end, last_position, at)
        on conflict (id) do update set
            outcome = excluded.outcome, position = excluded.position, recorded_at = excluded.recorded_at;
        if is_retry then
            delete from dead_letter d where d.command = command_id; -- it was dead and has now been decided
        end if;
        result := 'stored';
        return next;
    end loop;
    if head > first then
        update log_head set position = head where shard = 0;
    end if;
end
$$;
