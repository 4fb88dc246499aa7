-- key_samples
-- One probe of the index for each master key.
with recursive known as (
    (select min(k.master) as master from data_key k where k.wrapped is not null)
    union all
    select (select min(k.master) from data_key k where k.wrapped is not null and k.master > known.master)
    from known
    where known.master is not null
)
select sample.stream, sample.number, sample.master, sample.wrapped
from known
cross join lateral (
    select k.stream, k.number, k.master, k.wrapped
    from data_key k
    where k.wrapped is not null and k.master = known.master
    order by k.stream, k.number
    limit 1
) sample
