-- Pushes of the message URL.

-- name: message_count
select count(*) as count
from message m
where not exists (
    select 1 from erased_messages e
    where e.component = m.component and e.authorizer = m.authorizer and e.position >= m.position
)

-- name: message_put
-- The position of the push number $6 of $7, once the head has moved by $7.
insert into message (id, component, authorizer, push, received_at, position)
select $1::uuid, $2::text, $3::text, $4::text, $5::bigint, h.position - $7::bigint + $6::bigint from message_head h
where true
on conflict (id) do nothing

-- name: message_read
select m.id, m.position, m.push
from message m
where m.position > $1
    and not exists (
        select 1 from erased_messages e
        where e.component = m.component and e.authorizer = m.authorizer and e.position >= m.position
    )
order by m.position
limit $2
