-- rebuild_prepare
create temp table rebuilt (
    stream text collate "C" primary key, version bigint not null, position bigint not null, form integer not null,
    state text not null, component text collate "C" not null, status text collate "C", search text collate "C" not null
)
