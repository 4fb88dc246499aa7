-- webhook_attempt_trim
delete from webhook_attempt
where ctid = any (array(
    select ctid from webhook_attempt
    where webhook = $1 and id <= (
        select id from webhook_attempt where webhook = $1 order by id desc limit 1 offset $2
    )
    limit $3
))
