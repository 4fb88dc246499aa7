-- webhook_attempt_remove
delete from webhook_attempt where webhook = ?1
