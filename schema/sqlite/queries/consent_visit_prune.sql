-- consent_visit_prune
delete from consent_visit where id in (select id from consent_visit where expires_at < ?1 limit ?2)
