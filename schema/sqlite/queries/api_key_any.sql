-- api_key_any
select exists (select 1 from api_key where revoked_at is null and (expires_at is null or expires_at > ?1)) as there
