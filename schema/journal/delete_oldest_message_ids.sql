-- delete_oldest_message_ids: forgets the oldest ids of messages before their time
DELETE FROM callback
WHERE seq IN (
    SELECT seq FROM callback
    WHERE state = 's' AND bytes = 0 AND kind = 'message'
    ORDER BY received_at
    LIMIT ?1
)
