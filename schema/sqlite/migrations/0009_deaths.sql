-- 0009_deaths: whose process has an attempt, and attempts that died with theirs.

-- worker: the process of the current attempt. excused: the end of its lease is no death; that process was asked to stop. died: attempts
-- that are taken for dead, as a JSON array. tries: attempts that ended without success; deaths and stops are none.
alter table task add column worker blob;
alter table task add column excused integer not null default 0;
alter table task add column died text not null default '[]';
alter table task add column tries integer not null default 0;

-- Tasks that run alone.
create index task_alone on task (next_at) where state = 'ready' and json_array_length(died) >= 2;
