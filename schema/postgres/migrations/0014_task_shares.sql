-- 0014_task_shares: tasks are claimed by component and kind.

create index task_due_by_group on task (component, kind, next_at) where state = 'ready' and cardinality(died) < 2;
