-- state_load
-- State and keys of one moment: a row also for a stream without a state.
select s.stream, s.version, s.position, s.form, s.state, coalesce(k.number, 0) as last_key,
    k.number is not null and k.wrapped is null as last_key_destroyed
from (select) one
left join (select number, wrapped from data_key where stream = $1 order by number desc limit 1) k on true
left join state s on s.stream = $1
