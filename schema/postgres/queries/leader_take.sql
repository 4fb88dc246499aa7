-- leader_take
insert into leader (name, holder, until) values ($1, $2, $3)
on conflict (name) do update set holder = excluded.holder, until = excluded.until
where leader.holder = excluded.holder or leader.until <= $4
