-- state_version
select version from state where stream = ?1
