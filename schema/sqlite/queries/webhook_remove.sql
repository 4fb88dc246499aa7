-- webhook_remove
delete from webhook where id = ?1
