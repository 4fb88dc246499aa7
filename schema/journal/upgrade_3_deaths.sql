-- upgrade_3_deaths: from form 2: deaths are counted
ALTER TABLE callback ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0
