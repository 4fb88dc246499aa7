-- create_held: what is bounded beside journal_max: p(arked messages with their texts), i(ds of messages whose texts are gone)
CREATE TABLE held (
    what  TEXT    PRIMARY KEY CHECK (what IN ('i', 'p')),
    rows  INTEGER NOT NULL CHECK (rows >= 0),
    bytes INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT, WITHOUT ROWID
