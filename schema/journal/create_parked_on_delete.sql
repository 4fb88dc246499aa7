-- create_parked_on_delete: forgets a deleted message
CREATE TRIGGER parked_on_delete AFTER DELETE ON callback WHEN old.kind = 'message' BEGIN
    UPDATE tally
    SET rows = rows - (old.parked IS NOT NULL AND old.bytes > 0), bytes = bytes - iif(old.parked IS NULL, 0, old.bytes)
    WHERE state = 'p';
    UPDATE tally SET rows = rows - (old.bytes = 0) WHERE state = 'i';
END
