-- create_callback_waiting: finds what waits without touching what is settled
CREATE INDEX callback_waiting ON callback (state, seq) WHERE state <> 'settled'
