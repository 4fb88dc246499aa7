-- rebuild_fill_live
insert into state (stream, version, position, form, state, component, status, search)
select stream, version, position, form, state, component, status, search from rebuilt
