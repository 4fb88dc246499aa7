-- task_revive
update task set state = 'ready', next_at = ?2, tries = 0,
    died = (select json_group_array(value) from json_each(died) where key < 2)
where id = ?1 and state = 'dead'
