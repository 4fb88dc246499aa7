-- audit_prune
delete from audit where id in (select id from audit where recorded_at < ?1 limit ?2)
