-- consent_visit_by_code
select distinct on (code) code, data from consent_visit where code = any ($1) order by code, id
