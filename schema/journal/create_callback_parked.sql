-- create_callback_parked: finds what is parked
CREATE INDEX callback_parked ON callback (seq) WHERE parked IS NOT NULL
