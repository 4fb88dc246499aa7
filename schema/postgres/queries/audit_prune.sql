-- audit_prune
delete from audit where ctid = any (array(select ctid from audit where recorded_at < $1 limit $2))
