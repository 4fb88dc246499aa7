-- 0006_leader: who does what one process does for all, and until when it is believed to.

create table leader (
    name text primary key,
    holder blob not null check (length(holder) = 16),
    until integer not null
) strict, without rowid;
