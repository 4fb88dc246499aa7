-- state_list_authorizers
-- By the range of names alone, in their order: an index on the status would make the planner sort every row.
select s.stream, s.version, s.position, s.form, s.state, t.expires_at
from state s
left join token t on t.stream = s.stream and t.access is not null
where s.stream > max(?4, 'authorizer/' || coalesce(?1 || '/', ''))
    and s.stream < 'authorizer' || coalesce('/' || ?1, '') || '0'
    and (?2 is null or s.status = ?2)
    and (?3 is null or instr(s.search, lower(?3)) > 0)
order by s.stream
limit ?5
