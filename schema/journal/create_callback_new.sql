-- create_callback_new: finds what waits for its hand-over without touching what is settled
CREATE INDEX callback_new ON callback (seq) WHERE state = 'n'
