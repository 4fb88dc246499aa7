-- create_held_on_delete: forgets a deleted message
CREATE TRIGGER held_on_delete AFTER DELETE ON callback WHEN old.kind = 'message' BEGIN
    UPDATE held
    SET rows = rows - (old.parked IS NOT NULL AND old.bytes > 0), bytes = bytes - iif(old.parked IS NULL, 0, old.bytes)
    WHERE what = 'p';
    UPDATE held SET rows = rows - (old.bytes = 0) WHERE what = 'i';
END
