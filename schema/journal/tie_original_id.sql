-- tie_original_id: ties an original id to an appid, whatever it was tied to
INSERT INTO original_id (component, original_id, authorizer, seen_at) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT DO UPDATE SET authorizer = excluded.authorizer, seen_at = excluded.seen_at
