-- state_list_authorizers
-- The search text begins with the name of the stream. Its kind and component are cut off: only the appid is searched.
select s.stream, s.version, s.position, s.form, s.state, t.expires_at
from state s
left join token t on t.stream = s.stream and t.access is not null
where s.kind = 'authorizer'
    and (?1 is null or s.component = ?1)
    and (?2 is null or s.status = ?2)
    and (?3 is null or instr(substr(s.search, length(s.kind) + length(s.component) + 3), lower(?3)) > 0)
    and s.stream > ?4
order by s.stream
limit ?5
