-- create_held_on_insert: counts a new parked message
CREATE TRIGGER held_on_insert AFTER INSERT ON callback WHEN new.parked IS NOT NULL BEGIN
    UPDATE held SET rows = rows + 1, bytes = bytes + new.bytes WHERE what = 'p';
END
