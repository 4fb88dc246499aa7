-- key_rewrap
update data_key set master = $4, wrapped = $5 where stream = $1 and number = $2 and wrapped = $3
