-- read_suspect: callbacks of a kind that are handed over alone, those that ended the fewest processes first
SELECT seq, id, component, authorizer, pair, query, body, received_at, bytes, unverified, deaths
FROM callback JOIN texts USING (seq)
WHERE state = 'n' AND kind = ?1 AND max(deaths, 2) > 2
ORDER BY max(deaths, 2), seq
