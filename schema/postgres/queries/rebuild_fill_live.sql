-- rebuild_fill_live
insert into state (stream, version, position, form, state)
select stream, version, position, form, state from rebuilt
