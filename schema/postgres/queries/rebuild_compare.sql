-- rebuild_compare
select stream from (
    (select stream, version, position, form, state from state
     except
     select stream, version, position, form, state from rebuilt)
    union
    (select stream, version, position, form, state from rebuilt
     except
     select stream, version, position, form, state from state)
) different
group by stream
order by stream
