-- erase_letters
-- The dead letters of its tasks, before these are wiped.
select command from dead_letter
where task in (select id from task where component = ?1 and authorizer = ?2 and state <> 'done')
