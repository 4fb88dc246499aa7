-- key_subject_put
insert into data_key_subject (authorizer, stream, number) values (?1, ?2, ?3)
