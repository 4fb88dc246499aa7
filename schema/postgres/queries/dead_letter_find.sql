-- dead_letter_find
select command, reason, detail, push_id, push, task, retries, recorded_at
from dead_letter
where command = $1
