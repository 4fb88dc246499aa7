-- task_learn
update task set authorizer = coalesce(authorizer, ?2), tag = coalesce(tag, ?3)
where key = ?1 and (authorizer is null and ?2 is not null or tag is null and ?3 is not null)
