-- reconciliation_end
delete from reconciliation where component = ?1 and id = ?2
