-- api_key_any
-- Revoked and expired ones count: there was one.
select exists (select 1 from api_key) as there
