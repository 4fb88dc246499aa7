-- task_excuse
update task set excused = true where worker = $1 and state = 'running'
