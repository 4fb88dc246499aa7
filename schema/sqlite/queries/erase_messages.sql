-- erase_messages
insert into erased_messages (component, authorizer, position)
select ?1, ?2, h.position
from message_head h
where exists (select 1 from message m where m.component = ?1 and m.authorizer = ?2)
on conflict (component, authorizer) do update set position = excluded.position
