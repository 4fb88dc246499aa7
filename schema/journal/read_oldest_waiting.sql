-- read_oldest_waiting: when the callback that waits longest was received
SELECT min(received_at) FROM (
    SELECT received_at FROM (SELECT received_at FROM callback WHERE state = 'n' ORDER BY seq LIMIT 1)
    UNION ALL
    SELECT received_at FROM (SELECT received_at FROM callback WHERE state = 'h' ORDER BY seq LIMIT 1)
)
