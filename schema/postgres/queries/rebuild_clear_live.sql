-- rebuild_clear_live
delete from state
