-- erase_messages
delete from message where component = ?1 and authorizer = ?2
