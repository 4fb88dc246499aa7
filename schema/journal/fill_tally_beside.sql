-- fill_tally_beside: counts what an older form has left, beside the states
INSERT INTO tally (state, resent, rows, bytes)
SELECT 'i', 0, count(*), 0 FROM callback WHERE kind = 'message' AND state = 's' AND bytes = 0
UNION ALL
SELECT 'p', 0, count(*), coalesce(sum(bytes), 0) FROM callback WHERE parked IS NOT NULL AND bytes > 0
