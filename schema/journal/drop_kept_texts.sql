-- drop_kept_texts: gives back the room of the oldest settled callbacks; their ids stay
UPDATE callback
SET query = NULL, body = NULL, bytes = 0
WHERE seq IN (SELECT seq FROM callback WHERE state = 'settled' AND body IS NOT NULL ORDER BY seq LIMIT ?1)
