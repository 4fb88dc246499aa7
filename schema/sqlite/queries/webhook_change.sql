-- webhook_change
update webhook set revision = revision + 1, data = ?3 where id = ?1 and revision = ?2
