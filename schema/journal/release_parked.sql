-- release_parked: what was parked and whose text is still kept is handed over after all
UPDATE callback SET state = 'n', resent = 1, parked = NULL, parked_from = NULL
WHERE parked = ?2 AND component = ?1 AND authorizer = ?3 AND state = 's' AND bytes > 0
