-- 0008_one_truth: the redeem task is the one truth about a code.

-- tag: of the consent link that a code came through. ending: of a done task, so that a success is stored after a refusal, too.
alter table task add column tag text;
alter table task add column ending text check (ending in ('success', 'refusal'));

-- A callback that names no pre-auth code finds its visit by the code that it brought.
create index consent_visit_by_code on consent_visit (code) where code is not null;
