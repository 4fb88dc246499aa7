-- 0013_tried_alone: callbacks that may be what ends the process that decides them, while they are tried alone.

-- ended: how many processes that began since the first one ended before there was an outcome. since: when it was begun first.
create table tried_alone (
    command blob primary key check (length(command) = 16),
    ended integer not null default 0,
    detail text not null,
    since integer not null
) strict, without rowid;
create index tried_alone_since on tried_alone (since);
