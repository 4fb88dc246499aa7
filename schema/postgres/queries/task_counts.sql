-- task_counts
select kind, state, count(*) from task group by kind, state
