-- api_key_list
select id, name, hash, scopes, components, authorizers, created_at, expires_at, revoked_at, used_at from api_key order by created_at, id limit 10000
