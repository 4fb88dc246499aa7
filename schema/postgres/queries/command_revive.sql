-- command_revive
update command set outcome = 'nothing' where id = $1 and outcome = 'dead'
