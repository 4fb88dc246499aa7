-- reconciliation_find
select id, head, started_at, progress from reconciliation where component = $1
