-- erase_keys
update data_key set master = null, wrapped = null, destroyed_at = ?2 where stream = ?1 and wrapped is not null
