-- insert_callback: a callback that waits for its hand-over
INSERT INTO callback (id, kind, component, authorizer, pair, bytes, received_at, handed_over_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
RETURNING seq
