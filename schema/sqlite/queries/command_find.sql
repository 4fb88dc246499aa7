-- command_find
select outcome, position from command where id = ?1
