-- reconciled_put
insert into reconciled (component, authorizer) values (?1, ?2) on conflict (component, authorizer) do nothing
