-- Ingress's journal, a SQLite file of its own.

-- name: create_callback
-- One row per callback; state is n(ew), h(anded over) or s(ettled)
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

-- name: create_original_id
-- The appid that was seen first with an account's original id
CREATE TABLE original_id (
    component   TEXT    NOT NULL,
    original_id TEXT    NOT NULL,
    authorizer  TEXT    NOT NULL,
    seen_at     INTEGER NOT NULL,
    PRIMARY KEY (component, original_id)
) STRICT, WITHOUT ROWID

-- name: create_callback_parked
-- Finds what is parked
CREATE INDEX callback_parked ON callback (seq) WHERE parked IS NOT NULL

-- name: upgrade_2_unverified
-- From form 1: messages may be unverified
ALTER TABLE callback ADD COLUMN unverified INTEGER NOT NULL DEFAULT 0 CHECK (unverified IN (0, 1))

-- name: upgrade_2_parked
-- From form 1: messages may be parked
ALTER TABLE callback ADD COLUMN parked TEXT

-- name: upgrade_3_deaths
-- From form 2: deaths are counted
ALTER TABLE callback ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0

-- name: upgrade_3_parked_from
-- From form 2: parked messages have a sender
ALTER TABLE callback ADD COLUMN parked_from TEXT

-- name: create_callback_parked_from
-- Finds what one sender has parked
CREATE INDEX callback_parked_from ON callback (parked_from, seq) WHERE parked IS NOT NULL AND bytes > 0

-- name: create_texts
-- Query and body of a callback exactly as WeChat sent them, until their room is given back
CREATE TABLE texts (
    seq   INTEGER PRIMARY KEY,
    query TEXT NOT NULL,
    body  TEXT NOT NULL
) STRICT

-- name: create_callback_new
-- Finds what waits for its hand-over without touching what is settled or of the other kind; what is handed over alone stands apart
CREATE INDEX callback_new ON callback (kind, max(deaths, 2), seq) WHERE state = 'n'

-- name: create_callback_handed_over
-- Finds what waits for its outcome without touching what is settled
CREATE INDEX callback_handed_over ON callback (seq) WHERE state = 'h'

-- name: create_callback_kept
-- Finds the oldest settled callbacks whose texts are still kept
CREATE INDEX callback_kept ON callback (seq) WHERE state = 's' AND bytes > 0

-- name: create_callback_bare
-- Finds settled callbacks of which only the id is left, to delete them after their window
CREATE INDEX callback_bare ON callback (kind, received_at) WHERE state = 's' AND bytes = 0

-- name: create_tally
-- Rows and bytes per state, kept by triggers so that every process sees the same count at once
-- Beside the states: p(arked messages whose texts are kept), i(ds of messages whose texts are gone).
CREATE TABLE tally (
    state  TEXT    NOT NULL,
    resent INTEGER NOT NULL,
    rows   INTEGER NOT NULL DEFAULT 0 CHECK (rows >= 0),
    bytes  INTEGER NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    PRIMARY KEY (state, resent)
) STRICT, WITHOUT ROWID

-- name: fill_tally
-- Every combination exists from the start, so that the triggers only update
INSERT INTO tally (state, resent) VALUES ('n', 0), ('n', 1), ('h', 0), ('h', 1), ('s', 0), ('s', 1)

-- name: fill_tally_beside
-- Counts what an older form has left, beside the states
INSERT INTO tally (state, resent, rows, bytes)
SELECT 'i', 0, count(*), 0 FROM callback WHERE kind = 'message' AND state = 's' AND bytes = 0
UNION ALL
SELECT 'p', 0, count(*), coalesce(sum(bytes), 0) FROM callback WHERE parked IS NOT NULL AND bytes > 0

-- name: create_parked_on_insert
-- Counts a new parked message
CREATE TRIGGER parked_on_insert AFTER INSERT ON callback WHEN new.parked IS NOT NULL BEGIN
    UPDATE tally SET rows = rows + 1, bytes = bytes + new.bytes WHERE state = 'p';
END

-- name: create_parked_on_update
-- Counts texts that are gone, and what is parked no longer
CREATE TRIGGER parked_on_update AFTER UPDATE OF bytes, parked ON callback WHEN new.kind = 'message' BEGIN
    UPDATE tally
    SET rows = rows - (old.parked IS NOT NULL AND old.bytes > 0) + (new.parked IS NOT NULL AND new.bytes > 0),
        bytes = bytes - iif(old.parked IS NULL, 0, old.bytes) + iif(new.parked IS NULL, 0, new.bytes)
    WHERE state = 'p';
    UPDATE tally SET rows = rows - (old.bytes = 0) + (new.bytes = 0) WHERE state = 'i';
END

-- name: create_parked_on_delete
-- Forgets a deleted message
CREATE TRIGGER parked_on_delete AFTER DELETE ON callback WHEN old.kind = 'message' BEGIN
    UPDATE tally
    SET rows = rows - (old.parked IS NOT NULL AND old.bytes > 0), bytes = bytes - iif(old.parked IS NULL, 0, old.bytes)
    WHERE state = 'p';
    UPDATE tally SET rows = rows - (old.bytes = 0) WHERE state = 'i';
END

-- name: drop_callback_new
-- From form 2: deaths are part of it
DROP INDEX callback_new

-- name: create_tally_on_insert
-- Counts a new row
CREATE TRIGGER tally_on_insert AFTER INSERT ON callback BEGIN
    UPDATE tally SET rows = rows + 1, bytes = bytes + new.bytes WHERE state = new.state AND resent = new.resent;
END

-- name: create_tally_on_update
-- Moves a row's count to its new state
CREATE TRIGGER tally_on_update AFTER UPDATE OF state, resent, bytes ON callback BEGIN
    UPDATE tally SET rows = rows - 1, bytes = bytes - old.bytes WHERE state = old.state AND resent = old.resent;
    UPDATE tally SET rows = rows + 1, bytes = bytes + new.bytes WHERE state = new.state AND resent = new.resent;
END

-- name: create_tally_on_delete
-- Forgets a deleted row
CREATE TRIGGER tally_on_delete AFTER DELETE ON callback BEGIN
    UPDATE tally SET rows = rows - 1, bytes = bytes - old.bytes WHERE state = old.state AND resent = old.resent;
END

-- name: create_probe
-- Where a journal that could not be written tries whether it can be again
CREATE TABLE probe (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    filler BLOB    NOT NULL
) STRICT

-- name: fill_probe
-- Needs as much room as a large callback
INSERT OR REPLACE INTO probe (id, filler) VALUES (1, zeroblob(65536))

-- name: clear_probe
-- Gives the probe's room back
DELETE FROM probe

-- name: find_callback
-- The row that holds a callback id
SELECT seq, state, received_at, parked IS NOT NULL FROM callback WHERE id = ?1

-- name: insert_callback
-- A callback that waits for its hand-over, or is parked
INSERT INTO callback
    (id, kind, component, authorizer, pair, bytes, received_at, handed_over_at, unverified, parked, parked_from, state)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, ?10, iif(?9 IS NULL, 'n', 's'))
RETURNING seq

-- name: insert_texts
-- What WeChat sent
INSERT INTO texts (seq, query, body) VALUES (?1, ?2, ?3)

-- name: delete_callback
-- Makes room for a callback whose id came again after its window
DELETE FROM callback WHERE seq = ?1 AND state = 's'

-- name: delete_texts
-- Gives back the room of a callback's texts
DELETE FROM texts WHERE seq = ?1

-- name: note_texts_deleted
-- Only the id of a settled callback is left
UPDATE callback SET bytes = 0 WHERE seq = ?1 AND state = 's'

-- name: read_oldest_kept
-- Settled callbacks whose texts go first
SELECT seq FROM callback WHERE state = 's' AND bytes > 0 ORDER BY seq LIMIT ?1

-- name: read_waiting_bytes
-- What counts against journal_max; resent callbacks had their room already
SELECT sum(bytes) FROM tally WHERE state IN ('n', 'h') AND resent = 0

-- name: read_tally
-- Rows and bytes per state
SELECT state, sum(rows), sum(bytes) FROM tally GROUP BY state

-- name: read_kept
-- Settled callbacks whose texts are still kept for a resend
SELECT count(*) FROM callback WHERE state = 's' AND bytes > 0

-- name: read_oldest_waiting
-- When the callback that waits longest was received
SELECT min(received_at) FROM (
    SELECT received_at FROM (SELECT received_at FROM callback WHERE state = 'n' ORDER BY seq LIMIT 1)
    UNION ALL
    SELECT received_at FROM (SELECT received_at FROM callback WHERE state = 'h' ORDER BY seq LIMIT 1)
)

-- name: read_new
-- Callbacks of a kind behind a place, to hand over next, in order
SELECT seq, id, component, authorizer, pair, query, body, received_at, bytes, unverified, deaths
FROM callback JOIN texts USING (seq)
WHERE state = 'n' AND kind = ?1 AND max(deaths, 2) = 2 AND seq > ?2
ORDER BY seq

-- name: read_suspect
-- Callbacks of a kind that are handed over alone, those that ended the fewest processes first
SELECT seq, id, component, authorizer, pair, query, body, received_at, bytes, unverified, deaths
FROM callback JOIN texts USING (seq)
WHERE state = 'n' AND kind = ?1 AND max(deaths, 2) > 2
ORDER BY max(deaths, 2), seq

-- name: count_deaths
-- The last process ended while it handed these over; what is handed over alone is not counted with a batch around it
UPDATE callback SET deaths = deaths + 1
WHERE state = 'n' AND kind = ?1 AND seq BETWEEN ?2 AND ?3 AND (deaths < 3 OR ?2 = ?3)

-- name: settle_callback
-- The next place has an outcome for it
UPDATE callback SET state = 's', resent = 0 WHERE seq = ?1 AND state <> 's'

-- name: hand_over_callback
-- The next place took it, its outcome is asked about later
UPDATE callback SET state = 'h', handed_over_at = ?2, attempts = attempts + 1 WHERE seq = ?1 AND state = 'n'

-- name: read_handed_over
-- Callbacks whose outcome is not known, in order
SELECT seq, id, handed_over_at, attempts
FROM callback
WHERE state = 'h' AND seq > ?1 AND handed_over_at <= ?2
ORDER BY seq
LIMIT ?3

-- name: take_back_callback
-- It has no outcome after all this time, so it is handed over once more
UPDATE callback SET state = 'n' WHERE seq = ?1 AND state = 'h'

-- name: delete_expired
-- Forgets ids of one kind that were received before their window
DELETE FROM callback
WHERE seq IN (
    SELECT seq FROM callback
    WHERE state = 's' AND bytes = 0 AND kind = ?1 AND received_at < ?2
    LIMIT ?3
)

-- name: resend_callbacks
-- Hands settled callbacks over again; the cursor keeps those settled anew from coming twice
UPDATE callback
SET state = 'n', resent = 1, attempts = 0, deaths = 0
WHERE seq IN (
    SELECT seq FROM callback
    WHERE state = 's' AND bytes > 0 AND seq > ?1 AND received_at >= ?2 AND parked IS NULL
    ORDER BY seq
    LIMIT ?3
)
RETURNING seq

-- name: find_original_id
-- The appid that an original id is tied to
SELECT authorizer FROM original_id WHERE component = ?1 AND original_id = ?2

-- name: insert_original_id
-- Ties an original id to the appid that it came with
INSERT INTO original_id (component, original_id, authorizer, seen_at) VALUES (?1, ?2, ?3, ?4)

-- name: tie_original_id
-- Ties an original id to an appid, whatever it was tied to
INSERT INTO original_id (component, original_id, authorizer, seen_at) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT DO UPDATE SET authorizer = excluded.authorizer, seen_at = excluded.seen_at

-- name: release_parked
-- What was parked and whose text is still kept is handed over after all
UPDATE callback SET state = 'n', resent = 1, parked = NULL, parked_from = NULL
WHERE parked = ?2 AND component = ?1 AND authorizer = ?3 AND state = 's' AND bytes > 0

-- name: read_parked
-- What is parked, with the appid that its original id is tied to
SELECT c.seq, c.received_at, c.component, c.authorizer, c.parked, o.authorizer AS tied, c.bytes > 0 AS kept
FROM callback c LEFT JOIN original_id o ON o.component = c.component AND o.original_id = c.parked
WHERE c.parked IS NOT NULL AND c.seq > ?1
ORDER BY c.seq
LIMIT ?2

-- name: count_parked
-- How many are parked
SELECT count(*) FROM callback WHERE parked IS NOT NULL

-- name: read_oldest_message_id
-- When the oldest message was received of which only the id is left
SELECT min(received_at) FROM callback WHERE state = 's' AND bytes = 0 AND kind = 'message'

-- name: delete_oldest_message_ids
-- Forgets the oldest ids of messages before their time
DELETE FROM callback
WHERE seq IN (
    SELECT seq FROM callback
    WHERE state = 's' AND bytes = 0 AND kind = 'message'
    ORDER BY received_at
    LIMIT ?1
)

-- name: read_oldest_parked
-- Parked messages that give way first
SELECT seq, bytes FROM callback WHERE parked IS NOT NULL AND bytes > 0 ORDER BY seq LIMIT ?1

-- name: read_parked_beyond
-- What one sender has parked beyond its newest
SELECT seq FROM callback
WHERE parked IS NOT NULL AND bytes > 0 AND parked_from = ?1
ORDER BY seq DESC
LIMIT -1 OFFSET ?2
