-- state_load
-- State and keys of one moment, one row for each stream. The key is the one that the stream seals with.
select w.stream as wanted, s.stream, s.version, s.position, s.form, s.state, coalesce(last.number, 0) as last_key,
    last.number is not null and last.wrapped is null as last_key_destroyed, own.number as key_number, own.master, own.wrapped
from unnest($1::text[]) as w (stream)
left join lateral (
    select number, wrapped from data_key where stream = w.stream order by number desc limit 1
) last on true
left join data_key own on own.stream = w.stream and own.wrapped is not null
    and own.number = case when w.stream like 'component/%' then 1 else last.number end
left join state s on s.stream = w.stream
