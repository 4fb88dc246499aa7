-- message_read
select m.id, m.position, m.push
from message m
where m.position > ?1
    and not exists (
        select 1 from erased_messages e
        where e.component = m.component and e.authorizer = m.authorizer and e.position >= m.position
    )
order by m.position
limit ?2
