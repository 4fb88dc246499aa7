-- create_tally_on_update: moves a row's count to its new state
CREATE TRIGGER tally_on_update AFTER UPDATE OF state, resent, bytes ON callback BEGIN
    UPDATE tally SET rows = rows - 1, bytes = bytes - old.bytes WHERE state = old.state AND resent = old.resent;
    UPDATE tally SET rows = rows + 1, bytes = bytes + new.bytes WHERE state = new.state AND resent = new.resent;
END
