-- fill_tally: every combination exists from the start, so that the triggers only update
INSERT INTO tally (state, resent) VALUES ('n', 0), ('n', 1), ('h', 0), ('h', 1), ('s', 0), ('s', 1)
