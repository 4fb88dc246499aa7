-- reconciled_clear
delete from reconciled where component = ?1
