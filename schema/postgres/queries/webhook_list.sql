-- webhook_list
select id, revision, data from webhook order by id
