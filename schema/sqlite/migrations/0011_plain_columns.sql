-- 0011_plain_columns: component, status and search are written with the state, not generated from it; messages of an erased
-- authorizer are deleted afterwards.

-- The search text is the appid, the name, the original id and the owner, in lower case; only authorizers are searched.
create table plain_state (
    stream text primary key,
    version integer not null,
    position integer not null,
    form integer not null,
    state text not null,
    kind text generated always as (substr(stream, 1, instr(stream, '/') - 1)) virtual,
    component text not null,
    status text,
    search text not null
) strict, without rowid;

insert into plain_state (stream, version, position, form, state, component, status, search)
select stream, version, position, form, state, component, state ->> '$.status', case
    when kind = 'authorizer' then lower(
        substr(stream, length(kind) + length(component) + 3)
        || ' ' || coalesce(replace(state, '\u0000', '\u0020') ->> '$.profile.nick_name', '')
        || ' ' || coalesce(replace(state, '\u0000', '\u0020') ->> '$.profile.user_name', '')
        || ' ' || coalesce(replace(state, '\u0000', '\u0020') ->> '$.profile.principal_name', ''))
    else ''
end
from state;

drop table state;
alter table plain_state rename to state;

create index state_by_status on state (kind, component, status);

-- Messages of an authorizer up to a position that are not there any more for anybody, and are deleted a few at a time.
create table erased_messages (
    component text not null,
    authorizer text not null,
    position integer not null,
    primary key (component, authorizer)
) strict, without rowid;
