-- upgrade_2_unverified: from form 1: messages may be unverified
ALTER TABLE callback ADD COLUMN unverified INTEGER NOT NULL DEFAULT 0 CHECK (unverified IN (0, 1))
