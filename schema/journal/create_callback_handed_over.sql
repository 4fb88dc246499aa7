-- create_callback_handed_over: finds what waits for its outcome without touching what is settled
CREATE INDEX callback_handed_over ON callback (seq) WHERE state = 'h'
