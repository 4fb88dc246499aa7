-- api_key_put
insert into api_key (id, name, hash, scopes, components, authorizers, created_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
