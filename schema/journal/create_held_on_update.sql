-- create_held_on_update: counts texts that are gone, and what is parked no longer
CREATE TRIGGER held_on_update AFTER UPDATE OF bytes, parked ON callback
WHEN new.kind = 'message' AND ((old.bytes = 0) <> (new.bytes = 0) OR (old.parked IS NULL) <> (new.parked IS NULL)) BEGIN
    UPDATE held
    SET rows = rows - (old.parked IS NOT NULL AND old.bytes > 0) + (new.parked IS NOT NULL AND new.bytes > 0),
        bytes = bytes - iif(old.parked IS NULL, 0, old.bytes) + iif(new.parked IS NULL, 0, new.bytes)
    WHERE what = 'p';
    UPDATE held SET rows = rows - (old.bytes = 0) + (new.bytes = 0) WHERE what = 'i';
END
