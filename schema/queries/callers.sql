-- Keys of the API.

-- name: api_key_find
select id, name, hash, scopes, components, authorizers, created_at, expires_at, revoked_at, used_at from api_key where hash = $1

-- name: api_key_list
select id, name, hash, scopes, components, authorizers, created_at, expires_at, revoked_at, used_at from api_key order by created_at, id limit 10000

-- name: api_key_put
insert into api_key (id, name, hash, scopes, components, authorizers, created_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
