-- count_parked: how many are parked
SELECT count(*) FROM callback WHERE parked IS NOT NULL
