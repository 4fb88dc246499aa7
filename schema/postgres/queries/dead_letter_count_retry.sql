-- dead_letter_count_retry
update dead_letter set retries = retries + 1, reason = $2, detail = $3 where command = $1
