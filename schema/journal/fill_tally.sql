-- fill_tally: every combination exists from the start, so that the triggers only update
INSERT INTO tally (state, resent)
VALUES ('new', 0), ('new', 1), ('handed_over', 0), ('handed_over', 1), ('settled', 0), ('settled', 1)
