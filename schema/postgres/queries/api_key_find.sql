-- api_key_find
select id, name, hash, scopes, components, authorizers, created_at, expires_at, revoked_at, used_at from api_key where hash = $1
