-- 0003_erasing: all accounts that a notice names.

-- Erasing an account destroys the keys of the notices that name it. Of older notices only the first account is known.
create table data_key_subject (
    authorizer text not null,
    stream text not null,
    number integer not null,
    primary key (authorizer, stream, number)
) strict, without rowid;

insert into data_key_subject (authorizer, stream, number)
select about, stream, number from data_key where about is not null;

drop index data_key_about;
alter table data_key drop column about;

create index task_not_done on task (component, authorizer) where state <> 'done';
create index message_of_account on message (component, authorizer);
