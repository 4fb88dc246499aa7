-- dead_letter_count_retry
update dead_letter set retries = retries + 1 where command = ?1
