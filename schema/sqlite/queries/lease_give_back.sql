-- lease_give_back
update lease set until = 0 where name = ?1 and holder = ?2
