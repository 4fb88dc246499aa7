-- 0014_task_shares: tasks are claimed by component and kind, and a task's dead letter is found by it.

create index task_due_by_group on task (component, kind, next_at) where state = 'ready' and json_array_length(died) < 2;
create index dead_letter_of_task on dead_letter (task) where task is not null;
