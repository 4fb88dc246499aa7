-- consent_visit_put
insert into consent_visit (id, pre_auth, data, expires_at) values ($1, $2, $3, $4)
