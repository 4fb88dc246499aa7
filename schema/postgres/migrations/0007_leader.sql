-- 0007_leader: who does what one process does for all, and until when it is believed to.

create table leader (
    name text collate "C" primary key,
    holder uuid not null,
    until bigint not null
);
