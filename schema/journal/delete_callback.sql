-- delete_callback: makes room for a callback whose id came again after its window
DELETE FROM callback WHERE seq = ?1 AND state = 's'
