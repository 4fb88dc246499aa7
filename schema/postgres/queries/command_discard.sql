-- command_discard
update command set outcome = 'discarded' where id = $1 and outcome = 'dead'
