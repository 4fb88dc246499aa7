-- read_parked: what is parked, with the appid that its original id is tied to
SELECT c.seq, c.received_at, c.component, c.authorizer, c.parked, o.authorizer AS tied, c.bytes > 0 AS kept
FROM callback c LEFT JOIN original_id o ON o.component = c.component AND o.original_id = c.parked
WHERE c.parked IS NOT NULL AND c.seq > ?1
ORDER BY c.seq
LIMIT ?2
