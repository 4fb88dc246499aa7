-- rebuild_prepare
create temp table rebuilt (
    stream text primary key, version integer not null, position integer not null, form integer not null, state text not null,
    component text not null, status text, search text not null
) strict, without rowid
