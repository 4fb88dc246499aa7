-- message_count
select count(*) from message
