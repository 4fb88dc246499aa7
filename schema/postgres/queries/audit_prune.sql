-- audit_prune
delete from audit where recorded_at < $1
