-- read_parked_beyond: what one sender has parked beyond its newest
SELECT seq FROM callback
WHERE parked IS NOT NULL AND bytes > 0 AND parked_from = ?1
ORDER BY seq DESC
LIMIT -1 OFFSET ?2
