-- key_last
select number, wrapped is null from data_key where stream = ?1 order by number desc limit 1
