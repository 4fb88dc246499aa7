-- consent_visit_find
select code, data from consent_visit where id = $1
