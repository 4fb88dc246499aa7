-- read_held: rows and bytes of what is bounded
SELECT what, rows, bytes FROM held
