-- A journal of form 2, as version 0.1.0 before deaths were counted made it, with one of each kind that an upgrade must keep.
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
    CHECK ((kind = 'message') = (authorizer IS NOT NULL)),
    CHECK (state = 's' OR bytes > 0)
) STRICT
;
CREATE TABLE texts (
    seq   INTEGER PRIMARY KEY,
    query TEXT NOT NULL,
    body  TEXT NOT NULL
) STRICT
;
CREATE INDEX callback_new ON callback (kind, seq) WHERE state = 'n'
;
CREATE INDEX callback_handed_over ON callback (seq) WHERE state = 'h'
;
CREATE INDEX callback_kept ON callback (seq) WHERE state = 's' AND bytes > 0
;
CREATE INDEX callback_bare ON callback (kind, received_at) WHERE state = 's' AND bytes = 0
;
CREATE TABLE tally (
    state  TEXT    NOT NULL,
    resent INTEGER NOT NULL,
    rows   INTEGER NOT NULL DEFAULT 0 CHECK (rows >= 0),
    bytes  INTEGER NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    PRIMARY KEY (state, resent)
) STRICT, WITHOUT ROWID
;
INSERT INTO tally (state, resent) VALUES ('n', 0), ('n', 1), ('h', 0), ('h', 1), ('s', 0), ('s', 1)
;
CREATE TRIGGER tally_on_insert AFTER INSERT ON callback BEGIN
    UPDATE tally SET rows = rows + 1, bytes = bytes + new.bytes WHERE state = new.state AND resent = new.resent;
END
;
CREATE TRIGGER tally_on_update AFTER UPDATE OF state, resent, bytes ON callback BEGIN
    UPDATE tally SET rows = rows - 1, bytes = bytes - old.bytes WHERE state = old.state AND resent = old.resent;
    UPDATE tally SET rows = rows + 1, bytes = bytes + new.bytes WHERE state = new.state AND resent = new.resent;
END
;
CREATE TRIGGER tally_on_delete AFTER DELETE ON callback BEGIN
    UPDATE tally SET rows = rows - 1, bytes = bytes - old.bytes WHERE state = old.state AND resent = old.resent;
END
;
CREATE TABLE probe (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    filler BLOB    NOT NULL
) STRICT
;
CREATE TABLE original_id (
    component   TEXT    NOT NULL,
    original_id TEXT    NOT NULL,
    authorizer  TEXT    NOT NULL,
    seen_at     INTEGER NOT NULL,
    PRIMARY KEY (component, original_id)
) STRICT, WITHOUT ROWID
;
CREATE INDEX callback_parked ON callback (seq) WHERE parked IS NOT NULL
;
INSERT INTO callback (id, kind, component, authorizer, pair, bytes, received_at, handed_over_at)
VALUES (x'00000000000000000000000000000001', 'message', 'wx1f2e3d4c5b6a7988', 'wxa0b1c2d3e4f50617', '00ff12ab', 300,
    1767225600000, 1767225600000);
INSERT INTO texts VALUES (1, 'timestamp=1', '<xml>message</xml>');
INSERT INTO callback (id, kind, component, pair, bytes, received_at, state, handed_over_at)
VALUES (x'00000000000000000000000000000002', 'event', 'wx1f2e3d4c5b6a7988', '00ff12ab', 300, 1767225600000, 'n', 1767225600000);
INSERT INTO texts VALUES (2, 'timestamp=1', '<xml>event</xml>');
INSERT INTO callback (id, kind, component, authorizer, pair, bytes, received_at, handed_over_at, parked, state)
VALUES (x'00000000000000000000000000000003', 'message', 'wx1f2e3d4c5b6a7988', 'wxb0b1c2d3e4f50617', '00ff12ab', 400,
    1767225600000, 1767225600000, 'gh_0a1b2c3d4e5f', 's');
INSERT INTO texts VALUES (3, 'timestamp=1', '<xml>parked</xml>');
INSERT INTO callback (id, kind, component, authorizer, pair, bytes, received_at, handed_over_at, state)
VALUES (x'00000000000000000000000000000004', 'message', 'wx1f2e3d4c5b6a7988', 'wxa0b1c2d3e4f50617', '00ff12ab', 0,
    1767225600000, 1767225600000, 's');
INSERT INTO original_id VALUES ('wx1f2e3d4c5b6a7988', 'gh_0a1b2c3d4e5f', 'wxa0b1c2d3e4f50617', 1767225600000);
PRAGMA application_id = 1296974922;
PRAGMA user_version = 2;
