-- erase_keys_of_notices
update data_key set master = null, wrapped = null, destroyed_at = ?3
where wrapped is not null
    and (stream, number) in (select stream, number from data_key_subject where authorizer = ?2 and stream = ?1)
