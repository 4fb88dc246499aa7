-- state_list_authorizers
select s.stream, s.version, s.position, s.form, s.state, t.expires_at
from state s
left join token t on t.stream = s.stream and t.access is not null
where s.kind = 'authorizer'
    and ($1::text is null or s.component = $1)
    and ($2::text is null or s.status = $2)
    and ($3::text is null or strpos(s.search, lower($3 collate "C")) > 0)
    and s.stream > $4
order by s.stream
limit $5
