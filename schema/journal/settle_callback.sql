-- settle_callback: the next place has an outcome for it
UPDATE callback SET state = 's', resent = 0 WHERE seq = ?1 AND state <> 's'
