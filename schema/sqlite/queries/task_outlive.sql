-- task_outlive
update task set died = (select json_group_array(value) from json_each(died) where value <> ?2)
where id = ?1 and ?2 in (select value from json_each(died))
