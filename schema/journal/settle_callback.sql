-- settle_callback: the next place has an outcome for it
UPDATE callback
SET state = 'settled', resent = 0
WHERE seq = ?1 AND state <> 'settled'
