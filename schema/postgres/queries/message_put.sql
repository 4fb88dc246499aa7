-- message_put
insert into message (id, component, authorizer, push, received_at)
values ($1, $2, $3, $4, $5)
on conflict (id) do nothing
