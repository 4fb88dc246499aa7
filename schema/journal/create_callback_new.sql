-- create_callback_new: finds what waits for its hand-over without touching what is settled or of the other kind; what is handed over alone stands apart
CREATE INDEX callback_new ON callback (kind, max(deaths, 2), seq) WHERE state = 'n'
