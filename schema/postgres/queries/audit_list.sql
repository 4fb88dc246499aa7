-- audit_list
select id, recorded_at, actor, address, act, subject, detail from audit
where $1::uuid is null or id < $1
order by id desc
limit $2
