-- take_back_callback: it has no outcome after all this time, so it is handed over once more
UPDATE callback SET state = 'n' WHERE seq = ?1 AND state = 'h'
