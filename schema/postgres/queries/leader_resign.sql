-- leader_resign
delete from leader where name = $1 and holder = $2
