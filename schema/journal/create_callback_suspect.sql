-- create_callback_suspect: finds what may end the process that hands it over
CREATE INDEX callback_suspect ON callback (kind, deaths, seq) WHERE state = 'n' AND deaths >= 3
