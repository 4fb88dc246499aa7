-- create_tally: rows and bytes per state, kept by triggers so that every process sees the same count at once
-- Beside the states: p(arked messages whose texts are kept), i(ds of messages whose texts are gone).
CREATE TABLE tally (
    state  TEXT    NOT NULL,
    resent INTEGER NOT NULL,
    rows   INTEGER NOT NULL DEFAULT 0 CHECK (rows >= 0),
    bytes  INTEGER NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    PRIMARY KEY (state, resent)
) STRICT, WITHOUT ROWID
