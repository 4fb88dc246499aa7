-- Destroys the keys of what the log says of an account, and wipes what the tables hold of it. `letters`: ids of the dead letters
-- that name it, as a JSON array; only who opens them knows.
create or replace function erase_authorizer(account text, letters jsonb, at bigint) returns void language plpgsql as $$
declare
    its_component text := split_part(account, '/', 2);
    its_id text := split_part(account, '/', 3);
begin
    update data_key k set master = null, wrapped = null, destroyed_at = at
    where k.stream = account and k.wrapped is not null;
    update data_key k set master = null, wrapped = null, destroyed_at = at
    from data_key_subject a
    where a.authorizer = its_id and a.stream = 'component/' || its_component
        and k.stream = a.stream and k.number = a.number and k.wrapped is not null;

    update token t set access = null, expires_at = null, fence = t.fence + 1, leased_until = null, used_at = null,
        failures = 0, failed_fence = null, not_before = null, failure = null
    where t.stream = account;

    with discarded as (
        delete from dead_letter d
        where d.command = any (array(
            select value::uuid from jsonb_array_elements_text(letters)
            union all
            select l.command from task t join dead_letter l on l.task = t.id
            where t.component = its_component and t.authorizer = its_id and t.state <> 'done'))
        returning d.command
    )
    update command c set outcome = 'discarded' from discarded d where c.id = d.command and c.outcome = 'dead';
    update task t set state = 'done', done_at = at, leased_until = null, sealed = null
    where t.component = its_component and t.authorizer = its_id and t.state <> 'done';

    -- From now on nobody reads its messages; housekeeping deletes them a few at a time.
    insert into erased_messages (component, authorizer, position)
    select its_component, its_id, h.position
    from message_head h
    where exists (select from message m where m.component = its_component and m.authorizer = its_id)
    on conflict (component, authorizer) do update set position = excluded.position;
end
$$;
