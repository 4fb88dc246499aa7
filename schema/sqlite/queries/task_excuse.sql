-- task_excuse
update task set excused = 1 where worker = ?1 and state = 'running'
