-- message_count
select count(*)
from message m
where not exists (
    select 1 from erased_messages e
    where e.component = m.component and e.authorizer = m.authorizer and e.position >= m.position
)
