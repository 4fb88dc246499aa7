-- key_find
select master, wrapped from data_key where stream = $1 and number = $2 and wrapped is not null
