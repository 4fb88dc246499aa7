-- webhook_find
select id, revision, data from webhook where id = $1
