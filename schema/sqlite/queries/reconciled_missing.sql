-- reconciled_missing
select s.stream from state s
where +s.kind = 'authorizer' and +s.component = ?1 and s.status <> 'revoked' and s.stream > ?2
    and not exists (
        select 1 from reconciled r
        where r.component = ?1 and r.authorizer = substr(s.stream, length('authorizer/' || ?1 || '/') + 1)
    )
order by s.stream
limit ?3
