-- create_callback: one row per callback, exactly as WeChat sent it; texts are null once their room was given back
CREATE TABLE callback (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT,
    id             BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    kind           TEXT    NOT NULL CHECK (kind IN ('event', 'message')),
    component      TEXT    NOT NULL,
    authorizer     TEXT,
    pair           TEXT    NOT NULL,
    query          TEXT,
    body           TEXT,
    bytes          INTEGER NOT NULL CHECK (bytes >= 0),
    received_at    INTEGER NOT NULL,
    state          TEXT    NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'handed_over', 'settled')),
    resent         INTEGER NOT NULL DEFAULT 0 CHECK (resent IN (0, 1)),
    handed_over_at INTEGER,
    attempts       INTEGER NOT NULL DEFAULT 0,
    CHECK ((kind = 'message') = (authorizer IS NOT NULL)),
    CHECK ((query IS NULL) = (body IS NULL)),
    CHECK (state = 'settled' OR body IS NOT NULL)
) STRICT
