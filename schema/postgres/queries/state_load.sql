-- state_load
-- State and keys of one moment: a row also for a stream without a state.
select s.stream, s.version, s.position, s.form, s.state, coalesce(k.last_key, 0) as last_key
from (select max(number) as last_key from data_key where stream = $1) k
left join state s on s.stream = $1
