-- fill_held: counts what an older form has left
INSERT INTO held (what, rows, bytes)
SELECT 'i', count(*), 0 FROM callback WHERE kind = 'message' AND state = 's' AND bytes = 0
UNION ALL
SELECT 'p', count(*), coalesce(sum(bytes), 0) FROM callback WHERE parked IS NOT NULL AND bytes > 0
