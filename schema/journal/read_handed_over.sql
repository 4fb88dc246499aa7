-- read_handed_over: callbacks whose outcome is not known, in order
SELECT seq, id, handed_over_at, attempts
FROM callback
WHERE state = 'h' AND seq > ?1 AND handed_over_at <= ?2
ORDER BY seq
LIMIT ?3
