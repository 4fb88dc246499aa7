-- consent_link_prune
delete from consent_link where id in (select id from consent_link where expires_at < ?1 limit ?2)
