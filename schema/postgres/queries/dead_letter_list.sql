-- dead_letter_list
select command, reason, detail, push_id, push, task, retries, recorded_at
from dead_letter
where $1::uuid is null or command > $1
order by command
limit $2
