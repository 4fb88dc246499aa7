-- upgrade_3_parked_from: from form 2: parked messages have a sender
ALTER TABLE callback ADD COLUMN parked_from TEXT
