-- task_take_back
with lapsed as materialized (
    select id from task where state = 'running' and leased_until <= $1
    order by leased_until limit 1000 for update skip locked
)
update task set state = 'ready', next_at = leased_until, leased_until = null,
    died = case when worker <> $2 and not excused then died || attempt else died end
from lapsed where task.id = lapsed.id
