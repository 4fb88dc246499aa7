-- key_last
select coalesce(max(number), 0) from data_key where stream = ?1
