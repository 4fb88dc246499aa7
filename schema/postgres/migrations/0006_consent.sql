-- 0006_consent: links that ask merchants for their authorization, and what became of each visit.

create table consent_link (
    id text collate "C" primary key,
    data text not null,
    expires_at bigint not null
);

create index consent_link_by_age on consent_link (expires_at);

-- pre_auth: digest of the visit's pre-auth code. code: digest of the first authorization code it brought.
create table consent_visit (
    id uuid primary key,
    pre_auth text collate "C" not null,
    code text collate "C",
    data text not null,
    expires_at bigint not null
);

create unique index consent_visit_by_pre_auth on consent_visit (pre_auth);
create index consent_visit_by_age on consent_visit (expires_at);
