-- 0005_messages: messages have positions and a total size, for their feed and its limits.

create table message_head (
    only_row integer primary key check (only_row = 1),
    position bigint not null,
    size bigint not null
);

alter table message add column position bigint;

update message m set position = n.position
from (select id, row_number() over (order by received_at, id) as position from message) n
where m.id = n.id;

alter table message alter column position set not null;
create unique index message_by_position on message (position);

insert into message_head (only_row, position, size)
select 1, coalesce(max(position), 0), coalesce(sum(octet_length(push)), 0) from message;

-- Who adds or removes messages holds the row of message_head to the commit: the order of commits is the order of positions.
create function message_added() returns trigger language plpgsql as $$
begin
    update message_head set size = size + octet_length(new.push);
    return null;
end
$$;

create function message_removed() returns trigger language plpgsql as $$
begin
    update message_head set size = size - octet_length(old.push);
    return null;
end
$$;

create trigger message_added after insert on message for each row execute function message_added();
create trigger message_removed after delete on message for each row execute function message_removed();
