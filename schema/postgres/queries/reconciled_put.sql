-- reconciled_put
insert into reconciled (component, authorizer) select $1, unnest($2::text[])
on conflict (component, authorizer) do nothing
