-- 0010_deaths: whose process has an attempt, and attempts that died with theirs.

-- worker: the process of the current attempt. excused: the end of its lease is no death; that process was asked to stop. died: attempts
-- that are taken for dead. tries: attempts that ended without success; deaths and stops are none.
alter table task
    add column worker uuid,
    add column excused boolean not null default false,
    add column died integer[] not null default '{}',
    add column tries integer not null default 0;

-- Tasks that run alone.
create index task_alone on task (next_at) where state = 'ready' and cardinality(died) >= 2;
