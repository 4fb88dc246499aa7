-- read_new: callbacks to hand over next, in order
SELECT seq, id, component, authorizer, pair, query, body, received_at, bytes
FROM callback JOIN texts USING (seq)
WHERE state = 'n'
ORDER BY seq
LIMIT ?1
