-- dead_letter_remove
delete from dead_letter where command = $1
