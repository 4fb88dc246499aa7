-- create_callback_parked_kept: finds parked messages whose texts are still kept
CREATE INDEX callback_parked_kept ON callback (seq) WHERE parked IS NOT NULL AND bytes > 0
