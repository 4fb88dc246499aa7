-- note_texts_deleted: only the id of a settled callback is left
UPDATE callback SET bytes = 0 WHERE seq = ?1 AND state = 's'
