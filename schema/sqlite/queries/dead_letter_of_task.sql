-- dead_letter_of_task
select command from dead_letter where task = ?1
