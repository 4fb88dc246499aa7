-- resend_callbacks: hands settled callbacks over again; the cursor keeps those settled anew from coming twice
UPDATE callback
SET state = 'new', resent = 1, handed_over_at = NULL, attempts = 0
WHERE seq IN (
    SELECT seq FROM callback
    WHERE state = 'settled' AND body IS NOT NULL AND seq > ?1 AND received_at >= ?2
    ORDER BY seq
    LIMIT ?3
)
RETURNING seq
