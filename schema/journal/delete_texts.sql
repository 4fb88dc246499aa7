-- delete_texts: gives back the room of a callback's texts
DELETE FROM texts WHERE seq = ?1
