-- insert_callback: a callback that waits for its hand-over, or is parked
INSERT INTO callback
    (id, kind, component, authorizer, pair, bytes, received_at, handed_over_at, unverified, parked, parked_from, state)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, ?10, iif(?9 IS NULL, 'n', 's'))
RETURNING seq
