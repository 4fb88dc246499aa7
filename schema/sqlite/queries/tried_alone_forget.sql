-- tried_alone_forget
delete from tried_alone where command = ?1
