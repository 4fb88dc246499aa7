-- task_outlive
update task set died = array_remove(died, $2) where id = $1 and $2 = any(died)
