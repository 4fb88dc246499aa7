-- insert_callback: a callback that waits for its hand-over
INSERT INTO callback (id, kind, component, authorizer, pair, query, body, bytes, received_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
