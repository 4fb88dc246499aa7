-- consent_visit_by_code
select code, data from consent_visit where code = $1 order by id limit 1
