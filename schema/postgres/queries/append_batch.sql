-- append_batch
select result, outcome, last_position from append_batch($1)
