-- reconciliation_advance
update reconciliation set progress = $4 where component = $1 and id = $2 and progress = $3
