-- insert_original_id: ties an original id to the appid that it came with
INSERT INTO original_id (component, original_id, authorizer, seen_at) VALUES (?1, ?2, ?3, ?4)
