-- create_callback_new: finds what waits for its hand-over without touching what is settled or of the other kind
CREATE INDEX callback_new ON callback (kind, seq) WHERE state = 'n'
