-- create_callback_bare: finds settled callbacks of which only the id is left, to delete them after their window
CREATE INDEX callback_bare ON callback (kind, received_at) WHERE state = 's' AND bytes = 0
