-- task_discard
update task set state = 'done', done_at = $2, ending = 'refusal', sealed = null
where state = 'dead' and id = (select task from dead_letter where command = $1)
