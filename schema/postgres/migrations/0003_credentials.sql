-- 0003_credentials: what keeps tokens, who may read them, and how far a comparison with WeChat's list has come.

-- A failed refresh holds for as long as the row's fence is the one it failed under: whatever changes the row gives it a fresh
-- start. `failure` is JSON. `used_at` is kept to the minute: a token in use is refreshed ahead of time.
alter table token
    add column used_at bigint,
    add column failures integer not null default 0,
    add column failed_fence bigint,
    add column not_before bigint,
    add column failure text;

create index token_expiry on token (expires_at) where access is not null;

-- Keys are wrapped anew by the newest master key, one after the other.
create index data_key_master on data_key (master, stream, number) where wrapped is not null;

-- Callers of the API. Of a key only its SHA-256 is kept. Scopes and limits are words between blanks; no limit: null.
create table api_key (
    id uuid primary key,
    name text not null,
    hash bytea not null unique,
    scopes text not null,
    components text,
    authorizers text,
    created_at bigint not null,
    expires_at bigint,
    revoked_at bigint,
    used_at bigint
);

-- Reads of tokens, counted by the minute.
create table token_read (
    minute bigint not null,
    api_key uuid not null,
    stream text collate "C" not null,
    count bigint not null,
    primary key (minute, api_key, stream)
);

-- Refusals and administrative acts, one by one.
create table audit (
    id uuid primary key,
    recorded_at bigint not null,
    actor text not null,
    address text,
    act text not null,
    subject text,
    detail text
);

create index audit_by_age on audit (recorded_at);

-- A comparison with WeChat's list that is under way, one for each component, and the accounts that its pages have named.
create table reconciliation (
    component text primary key,
    id uuid not null,
    head bigint not null,
    started_at bigint not null,
    progress text not null
);

create table reconciled (
    component text not null,
    authorizer text not null,
    primary key (component, authorizer)
);
