-- 0011_plain_columns: component, status and search are written with the state, not generated from it; messages are counted by
-- statement; messages of an erased authorizer are deleted afterwards.

-- What was generated stays. The search text is the appid, the name, the original id and the owner, in lower case; only authorizers are
-- searched.
alter table state
    alter column component drop expression,
    alter column status drop expression,
    alter column search drop expression;
update state set search = '' where kind <> 'authorizer';
alter table state
    alter column component set not null,
    alter column search set not null;

drop trigger message_added on message;
drop trigger message_removed on message;

-- Their functions get texts for this with the others, after the migrations.
create trigger message_added after insert on message
    referencing new table as added for each statement execute function message_added();
create trigger message_removed after delete on message
    referencing old table as removed for each statement execute function message_removed();

-- Messages of an authorizer up to a position that are not there any more for anybody, and are deleted a few at a time.
create table erased_messages (
    component text collate "C" not null,
    authorizer text collate "C" not null,
    position bigint not null,
    primary key (component, authorizer)
);

drop function queue_tasks(jsonb, bigint);
