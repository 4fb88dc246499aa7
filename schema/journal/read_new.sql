-- read_new: callbacks of a kind behind a place, to hand over next, in order
SELECT seq, id, component, authorizer, pair, query, body, received_at, bytes, unverified, deaths
FROM callback JOIN texts USING (seq)
WHERE state = 'n' AND kind = ?1 AND max(deaths, 2) = 2 AND seq > ?2
ORDER BY seq
