-- read_new: callbacks to hand over next, in order
SELECT seq, id, component, authorizer, pair, query, body, received_at, bytes
FROM callback
WHERE state = 'new'
ORDER BY seq
LIMIT ?1
