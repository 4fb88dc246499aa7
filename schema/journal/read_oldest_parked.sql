-- read_oldest_parked: parked messages that give way first
SELECT seq, bytes FROM callback WHERE parked IS NOT NULL AND bytes > 0 ORDER BY seq LIMIT ?1
