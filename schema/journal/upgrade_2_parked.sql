-- upgrade_2_parked: from form 1: messages may be parked
ALTER TABLE callback ADD COLUMN parked TEXT
