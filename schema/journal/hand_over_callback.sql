-- hand_over_callback: the next place took it, its outcome is asked about later
UPDATE callback SET state = 'h', handed_over_at = ?2, attempts = attempts + 1 WHERE seq = ?1 AND state = 'n'
