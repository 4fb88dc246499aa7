-- consent_link_find
select data from consent_link where id = ?1
