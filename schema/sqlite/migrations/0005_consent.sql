-- 0005_consent: links that ask merchants for their authorization, and what became of each visit.

create table consent_link (
    id text primary key,
    data text not null,
    expires_at integer not null
) strict, without rowid;

create index consent_link_by_age on consent_link (expires_at);

-- pre_auth: digest of the visit's pre-auth code. code: digest of the first authorization code it brought.
create table consent_visit (
    id blob primary key,
    pre_auth text not null,
    code text,
    data text not null,
    expires_at integer not null
) strict, without rowid;

create unique index consent_visit_by_pre_auth on consent_visit (pre_auth);
create index consent_visit_by_age on consent_visit (expires_at);
