-- key_insert
insert into data_key (stream, number, master, wrapped) values (?1, ?2, ?3, ?4)
