-- consent_link_prune
delete from consent_link where expires_at < ?1
