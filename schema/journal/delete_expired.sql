-- delete_expired: forgets ids of one kind that were received before their window
DELETE FROM callback
WHERE seq IN (
    SELECT seq FROM callback
    WHERE state = 's' AND bytes = 0 AND kind = ?1 AND received_at < ?2
    LIMIT ?3
)
