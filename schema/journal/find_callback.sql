-- find_callback: the row that holds a callback id
SELECT seq, state, received_at FROM callback WHERE id = ?1
