-- create_callback_parked_from: finds what one sender has parked
CREATE INDEX callback_parked_from ON callback (parked_from, seq) WHERE parked IS NOT NULL AND bytes > 0
