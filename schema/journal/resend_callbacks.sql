-- resend_callbacks: hands settled callbacks over again; the cursor keeps those settled anew from coming twice
UPDATE callback
SET state = 'n', resent = 1, attempts = 0, deaths = 0
WHERE seq IN (
    SELECT seq FROM callback
    WHERE state = 's' AND bytes > 0 AND seq > ?1 AND received_at >= ?2 AND parked IS NULL
    ORDER BY seq
    LIMIT ?3
)
RETURNING seq
