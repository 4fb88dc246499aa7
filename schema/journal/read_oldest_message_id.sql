-- read_oldest_message_id: when the oldest message was received of which only the id is left
SELECT min(received_at) FROM callback WHERE state = 's' AND bytes = 0 AND kind = 'message'
