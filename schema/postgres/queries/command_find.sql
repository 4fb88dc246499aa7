-- command_find
select id, outcome, position from command where id = any($1)
