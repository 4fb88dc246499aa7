-- consent_visit_by_pre_auth
select code, data from consent_visit where pre_auth = any ($1)
