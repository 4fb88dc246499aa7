-- consent_visit_land
update consent_visit set code = ?2 where id = ?1 and (code is null or code = ?2)
