-- fill_probe: needs as much room as a large callback
INSERT OR REPLACE INTO probe (id, filler) VALUES (1, zeroblob(65536))
