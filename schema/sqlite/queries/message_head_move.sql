-- message_head_move
update message_head set position = position + ?1 returning position
