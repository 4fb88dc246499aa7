-- create_tally_on_insert: counts a new row
CREATE TRIGGER tally_on_insert AFTER INSERT ON callback BEGIN
    UPDATE tally SET rows = rows + 1, bytes = bytes + new.bytes WHERE state = new.state AND resent = new.resent;
END
