-- read_oldest_kept: settled callbacks whose texts go first
SELECT seq FROM callback WHERE state = 's' AND bytes > 0 ORDER BY seq LIMIT ?1
