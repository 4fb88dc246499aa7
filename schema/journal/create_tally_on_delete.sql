-- create_tally_on_delete: forgets a deleted row
CREATE TRIGGER tally_on_delete AFTER DELETE ON callback BEGIN
    UPDATE tally SET rows = rows - 1, bytes = bytes - old.bytes WHERE state = old.state AND resent = old.resent;
END
