-- rebuild_load
select stream, version, position, form, state from rebuilt where stream = $1
