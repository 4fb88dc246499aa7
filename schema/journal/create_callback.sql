-- create_callback: one row per callback; state is n(ew), h(anded over) or s(ettled)
-- A row keeps its size when its state changes (letters, handed_over_at set from the start), so that a hand-over can be
-- noted on a full disk. Texts stand in a table of their own, so that noting it does not write them again.
-- unverified: nothing ties the message's original id to its appid yet. parked: that original id, if it is tied to another appid;
-- such a row is settled from the start and never handed over; parked_from is who sent it. deaths: how many processes ended while they
-- handed it over.
CREATE TABLE callback (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT,
    id             BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    kind           TEXT    NOT NULL CHECK (kind IN ('event', 'message')),
    component      TEXT    NOT NULL,
    authorizer     TEXT,
    pair           TEXT    NOT NULL,
    bytes          INTEGER NOT NULL CHECK (bytes >= 0),
    received_at    INTEGER NOT NULL,
    state          TEXT    NOT NULL DEFAULT 'n' CHECK (state IN ('n', 'h', 's')),
    resent         INTEGER NOT NULL DEFAULT 0 CHECK (resent IN (0, 1)),
    handed_over_at INTEGER NOT NULL,
    attempts       INTEGER NOT NULL DEFAULT 0,
    unverified     INTEGER NOT NULL DEFAULT 0 CHECK (unverified IN (0, 1)),
    parked         TEXT,
    parked_from    TEXT,
    deaths         INTEGER NOT NULL DEFAULT 0,
    CHECK ((kind = 'message') = (authorizer IS NOT NULL)),
    CHECK (state = 's' OR bytes > 0)
) STRICT
