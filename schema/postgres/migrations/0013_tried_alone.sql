-- 0013_tried_alone: callbacks that may be what ends the process that decides them, while they are tried alone.

-- ended: how many processes that began since the first one ended before there was an outcome. since: when it was begun first.
create table tried_alone (
    command uuid primary key,
    ended integer not null default 0,
    detail text not null,
    since bigint not null
);
create index tried_alone_since on tried_alone (since);
