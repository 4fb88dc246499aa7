-- webhook_attempt_list
select id, webhook, data from webhook_attempt
where webhook = $1 and ($2::uuid is null or id < $2)
order by id desc
limit $3
