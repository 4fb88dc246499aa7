-- message_read
select id, position, push from message where position > ?1 order by position limit ?2
