-- consent_link_prune
delete from consent_link where ctid = any (array(select ctid from consent_link where expires_at < $1 limit $2))
