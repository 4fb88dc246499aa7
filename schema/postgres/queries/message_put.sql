-- message_put
insert into message (id, component, authorizer, push, received_at, position)
values ($1, $2, $3, $4, $5, $6)
on conflict (id) do nothing
