-- 0002_credentials: what keeps tokens, who may read them, and how far a comparison with WeChat's list has come.

-- A failed refresh holds for as long as the row's fence is the one it failed under: whatever changes the row gives it a fresh
-- start. `failure` is JSON. `used_at` is kept to the minute: a token in use is refreshed ahead of time.
alter table token add column used_at integer;
alter table token add column failures integer not null default 0;
alter table token add column failed_fence integer;
alter table token add column not_before integer;
alter table token add column failure text;

create index token_expiry on token (expires_at) where access is not null;

-- Keys are wrapped anew by the newest master key, one after the other.
create index data_key_master on data_key (master, stream, number) where wrapped is not null;

-- Callers of the API. Of a key only its SHA-256 is kept. Scopes and limits are words between blanks; no limit: null.
create table api_key (
    id blob primary key,
    name text not null,
    hash blob not null unique,
    scopes text not null,
    components text,
    authorizers text,
    created_at integer not null,
    expires_at integer,
    revoked_at integer,
    used_at integer
) strict, without rowid;

-- Reads of tokens, counted by the minute.
create table token_read (
    minute integer not null,
    api_key blob not null,
    stream text not null,
    count integer not null,
    primary key (minute, api_key, stream)
) strict, without rowid;

-- Refusals and administrative acts, one by one.
create table audit (
    id blob primary key,
    recorded_at integer not null,
    actor text not null,
    address text,
    act text not null,
    subject text,
    detail text
) strict, without rowid;

create index audit_by_age on audit (recorded_at);

-- A comparison with WeChat's list that is under way, one for each component, and the accounts that its pages have named.
create table reconciliation (
    component text primary key,
    id blob not null,
    head integer not null,
    started_at integer not null,
    progress text not null
) strict, without rowid;

create table reconciled (
    component text not null,
    authorizer text not null,
    primary key (component, authorizer)
) strict, without rowid;
