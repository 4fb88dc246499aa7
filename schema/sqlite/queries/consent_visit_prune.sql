-- consent_visit_prune
delete from consent_visit where expires_at < ?1
