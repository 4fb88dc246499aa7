-- count_deaths: the last process ended while it handed these over; what is handed over alone is not counted with a batch around it
UPDATE callback SET deaths = deaths + 1
WHERE state = 'n' AND kind = ?1 AND seq BETWEEN ?2 AND ?3 AND (deaths < 3 OR ?2 = ?3)
