-- consent_visit_prune
delete from consent_visit where ctid = any (array(select ctid from consent_visit where expires_at < $1 limit $2))
