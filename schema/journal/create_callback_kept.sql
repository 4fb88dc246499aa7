-- create_callback_kept: finds the oldest settled callbacks whose texts are still kept
CREATE INDEX callback_kept ON callback (seq) WHERE state = 's' AND bytes > 0
