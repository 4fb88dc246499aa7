-- 0004_messages: messages have positions and a total size, for their feed and its limits.

create table message_head (
    only_row integer primary key check (only_row = 1),
    position integer not null,
    size integer not null
) strict;

create table numbered_message (
    id blob primary key,
    component text not null,
    authorizer text not null,
    push text not null,
    received_at integer not null,
    position integer not null
) strict, without rowid;

insert into numbered_message (id, component, authorizer, push, received_at, position)
select id, component, authorizer, push, received_at, row_number() over (order by received_at, id) from message;

drop table message;
alter table numbered_message rename to message;

create index message_by_age on message (received_at);
create index message_of_account on message (component, authorizer);
create unique index message_by_position on message (position);

insert into message_head (only_row, position, size)
select 1, coalesce(max(position), 0), coalesce(sum(length(cast(push as blob))), 0) from message;

create trigger message_added after insert on message begin
    update message_head set size = size + length(cast(new.push as blob));
end;

create trigger message_removed after delete on message begin
    update message_head set size = size - length(cast(old.push as blob));
end;
