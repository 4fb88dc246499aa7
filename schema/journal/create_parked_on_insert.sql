-- create_parked_on_insert: counts a new parked message
CREATE TRIGGER parked_on_insert AFTER INSERT ON callback WHEN new.parked IS NOT NULL BEGIN
    UPDATE tally SET rows = rows + 1, bytes = bytes + new.bytes WHERE state = 'p';
END
