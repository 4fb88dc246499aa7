-- lease_take
-- One look at the clock: now is excluded.until - $3. A lease that ends later than $3 and a minute from now was taken by a clock that
-- was ahead, and is over.
insert into lease (name, holder, until, fence)
values ($1, $2, (extract(epoch from clock_timestamp()) * 1000)::bigint + $3, 1)
on conflict (name) do update set
    holder = excluded.holder, until = excluded.until,
    fence = lease.fence + case when lease.holder = excluded.holder then 0 else 1 end
where lease.holder = excluded.holder or lease.until <= excluded.until - $3 or lease.until > excluded.until + 60000
returning fence
