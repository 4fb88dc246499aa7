-- find_callback: the row that holds a callback id
SELECT seq, state, received_at, parked IS NOT NULL FROM callback WHERE id = ?1
