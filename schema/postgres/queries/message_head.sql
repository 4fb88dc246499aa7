-- message_head
select position, size from message_head
