-- read_waiting_bytes: what counts against journal_max; resent callbacks had their room already
SELECT sum(bytes) FROM tally WHERE state IN ('n', 'h') AND resent = 0
