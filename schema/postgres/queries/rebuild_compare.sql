-- rebuild_compare
select stream from (
    (select stream, version, position, form, state, component, status, search from state
     except
     select stream, version, position, form, state, component, status, search from rebuilt)
    union
    (select stream, version, position, form, state, component, status, search from rebuilt
     except
     select stream, version, position, form, state, component, status, search from state)
) different
group by stream
order by stream
