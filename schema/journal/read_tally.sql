-- read_tally: rows and bytes per state
SELECT state, sum(rows), sum(bytes) FROM tally GROUP BY state
