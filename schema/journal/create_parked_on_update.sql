-- create_parked_on_update: counts texts that are gone, and what is parked no longer
CREATE TRIGGER parked_on_update AFTER UPDATE OF bytes, parked ON callback WHEN new.kind = 'message' BEGIN
    UPDATE tally
    SET rows = rows - (old.parked IS NOT NULL AND old.bytes > 0) + (new.parked IS NOT NULL AND new.bytes > 0),
        bytes = bytes - iif(old.parked IS NULL, 0, old.bytes) + iif(new.parked IS NULL, 0, new.bytes)
    WHERE state = 'p';
    UPDATE tally SET rows = rows - (old.bytes = 0) + (new.bytes = 0) WHERE state = 'i';
END
