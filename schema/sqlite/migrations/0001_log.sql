-- 0001_log: the event log, its commands, state, tasks, keys, tokens, dead letters, messages, checkpoints.
-- Times are Unix milliseconds, ids 16 bytes.

create table log_head (
    shard integer primary key check (shard = 0),
    position integer not null,
    log_id text not null
) strict;

create table event (
    position integer primary key,
    stream text not null,
    version integer not null,
    id blob not null unique,
    name text not null,
    form integer not null,
    command blob not null,
    occurred_at integer,
    recorded_at integer not null,
    data text not null,
    sealed text not null,
    unique (stream, version)
) strict;

create trigger event_is_never_updated before update on event
begin
    select raise(abort, 'the event log is append-only');
end;

create trigger event_is_never_deleted before delete on event
begin
    select raise(abort, 'the event log is append-only');
end;

create table command (
    id blob primary key,
    outcome text not null check (outcome in ('applied', 'nothing', 'dead', 'discarded')),
    position integer,
    recorded_at integer not null
) strict, without rowid;

create table state (
    stream text primary key,
    version integer not null,
    position integer not null,
    form integer not null,
    state text not null,
    kind text generated always as (substr(stream, 1, instr(stream, '/') - 1)) virtual,
    component text generated always as (substr(stream, instr(stream, '/') + 1, instr(substr(stream, instr(stream, '/') + 1) || '/', '/') - 1)) virtual,
    status text generated always as (state ->> '$.status') virtual,
    search text generated always as (lower(
        stream || ' ' || coalesce(state ->> '$.profile.nick_name', '') || ' ' || coalesce(state ->> '$.profile.user_name', '')
        || ' ' || coalesce(state ->> '$.profile.principal_name', ''))) virtual
) strict, without rowid;

create index state_by_status on state (kind, component, status);

create table task (
    id blob primary key,
    key text not null unique,
    kind text not null,
    component text not null,
    authorizer text,
    payload text not null,
    sealed_by text,
    sealed text,
    state text not null check (state in ('ready', 'running', 'done', 'dead')),
    attempt integer not null default 0,
    next_at integer not null,
    leased_until integer,
    reason text,
    position integer,
    created_at integer not null,
    done_at integer
) strict, without rowid;

create index task_due on task (next_at) where state = 'ready';
create index task_leased on task (leased_until) where state = 'running';
create index task_done on task (done_at) where state = 'done';
create index task_counts on task (kind, state);

create table data_key (
    stream text not null,
    number integer not null,
    master text,
    wrapped blob,
    about text,
    destroyed_at integer,
    primary key (stream, number)
) strict, without rowid;

create index data_key_about on data_key (about) where about is not null;

create table token (
    stream text primary key,
    access text,
    expires_at integer,
    generation integer not null,
    fence integer not null,
    leased_until integer
) strict, without rowid;

create table dead_letter (
    command blob primary key,
    reason text not null,
    detail text not null,
    push_id blob,
    push text,
    task blob,
    retries integer not null default 0,
    recorded_at integer not null
) strict, without rowid;

create table message (
    id blob primary key,
    component text not null,
    authorizer text not null,
    push text not null,
    received_at integer not null
) strict, without rowid;

create index message_by_age on message (received_at);

create table checkpoint (
    reader text primary key,
    position integer not null
) strict, without rowid;
