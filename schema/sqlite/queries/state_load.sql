-- state_load
select stream, version, position, form, state from state where stream = ?1
