-- 0004_erasing: all accounts that a notice names, and an append that erases one.

-- Erasing an account destroys the keys of the notices that name it. Of older notices only the first account is known.
create table data_key_subject (
    authorizer text collate "C" not null,
    stream text collate "C" not null,
    number integer not null,
    primary key (authorizer, stream, number)
);

insert into data_key_subject (authorizer, stream, number)
select about, stream, number from data_key where about is not null;

alter table data_key drop column about;

create index task_not_done on task (component, authorizer) where state <> 'done';
create index message_of_account on message (component, authorizer);

-- Destroys the keys of what the log says of an account, and wipes what the tables hold of it. `letters`: ids of the dead letters
-- that name it, as a JSON array; only who opens them knows.
create function erase_authorizer(account text, letters jsonb, at bigint) returns void language plpgsql as $$
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
        where d.command in (select value::uuid from jsonb_array_elements_text(letters))
            or d.task in (
                select t.id from task t
                where t.component = its_component and t.authorizer = its_id and t.state <> 'done')
        returning d.command
    )
    update command c set outcome = 'discarded' from discarded d where c.id = d.command and c.outcome = 'dead';
    update task t set state = 'done', done_at = at, leased_until = null, sealed = null
    where t.component = its_component and t.authorizer = its_id and t.state <> 'done';

    delete from message m where m.component = its_component and m.authorizer = its_id;
end
$$;

-- Appends a batch of commands, an array of the form that `batch.rs` writes, and answers one row for each, in order. Called in
-- autocommit: a client that dies cannot park the lock of log_head, which is held from here to the commit, so that the order of
-- commits is the order of positions. Each inner statement sees what was committed before it.
create or replace function append_batch(batch jsonb)
returns table (result text, outcome text, last_position bigint) language plpgsql set enable_seqscan = off as $$
declare
    head bigint;
    first bigint;
    item jsonb;
    command_id uuid;
    task_id uuid;
    at bigint;
    appended bigint;
    known record;
    is_retry boolean;
begin
    select h.position into strict head from log_head h where h.shard = 0 for update;
    first := head;
    for item in select value from jsonb_array_elements(batch) loop
        command_id := (item ->> 'id')::uuid;
        task_id := (item ->> 'task')::uuid;
        at := (item ->> 'recorded_at')::bigint;
        outcome := null;
        last_position := null;

        select c.outcome, c.position into known from command c where c.id = command_id;
        is_retry := found;
        if is_retry and (known.outcome <> 'dead' or item ? 'letter') then
            result := 'duplicate';
            outcome := known.outcome;
            last_position := known.position;
            return next;
            continue;
        end if;
        if task_id is not null and not exists (select from task t where t.id = task_id and t.state <> 'done') then
            result := 'finished';
            return next;
            continue;
        end if;

        if item ? 'letter' then
            update task t set state = 'dead', leased_until = null where t.id = task_id;
            insert into dead_letter (command, reason, detail, push_id, push, task, recorded_at)
            select command_id, l ->> 'reason', l ->> 'detail', (l ->> 'push_id')::uuid, l ->> 'push', task_id, at
            from (select item -> 'letter' as l) letter
            on conflict (command) do nothing;
            insert into command (id, outcome, recorded_at) values (command_id, 'dead', at);
            result := 'stored';
            return next;
            continue;
        end if;

        if coalesce((select s.version from state s where s.stream = item ->> 'stream'), 0) <> (item ->> 'expected')::bigint
            or exists (
                select from jsonb_to_recordset(item -> 'keys') as k (stream text, number integer)
                where k.number <= coalesce((select max(d.number) from data_key d where d.stream = k.stream), 0)
            )
        then
            result := 'conflict';
            return next;
            continue;
        end if;

        -- Nothing is written above this line: a conflict does not undo what the rest of the batch stores.
        insert into data_key (stream, number, master, wrapped)
        select k.stream, k.number, k.master, decode(k.wrapped, 'base64')
        from jsonb_to_recordset(item -> 'keys') as k (stream text, number integer, master text, wrapped text);
        insert into data_key_subject (authorizer, stream, number)
        select a.authorizer, k.stream, k.number
        from jsonb_to_recordset(item -> 'keys') as k (stream text, number integer, about jsonb),
            jsonb_array_elements_text(k.about) as a (authorizer);

        insert into event (position, stream, version, id, name, form, command, occurred_at, recorded_at, data, sealed)
        select head + e.n, item ->> 'stream', (item ->> 'expected')::bigint + e.n, (v ->> 'id')::uuid, v ->> 'name',
            (v ->> 'form')::integer, (v ->> 'command')::uuid, (v ->> 'occurred_at')::bigint, (v ->> 'recorded_at')::bigint,
            v ->> 'data', v ->> 'sealed'
        from jsonb_array_elements(item -> 'events') with ordinality as e (v, n);
        get diagnostics appended = row_count;
        head := head + appended;

        if appended > 0 then
            last_position := head;
            insert into state as s (stream, version, position, form, state)
            values (item ->> 'stream', (item ->> 'expected')::bigint + appended, head,
                (item -> 'state' ->> 'form')::integer, item -> 'state' ->> 'json')
            on conflict (stream) do update set
                version = excluded.version, position = excluded.position, form = excluded.form, state = excluded.state;
        end if;

        if item -> 'token' ->> 'change' = 'empty' then
            update token t set access = null, expires_at = null, fence = t.fence + 1, leased_until = null
            where t.stream = item ->> 'stream';
        elsif item -> 'token' ->> 'change' = 'store' then
            insert into token as t (stream, access, expires_at, generation, fence)
            values (item ->> 'stream', item -> 'token' ->> 'access', (item -> 'token' ->> 'expires_at')::bigint,
                (item -> 'token' ->> 'generation')::bigint, 1)
            on conflict (stream) do update set
                access = excluded.access, expires_at = excluded.expires_at, generation = excluded.generation,
                fence = t.fence + 1, leased_until = null;
        end if;

        insert into task (id, key, kind, component, authorizer, payload, sealed_by, sealed, state, next_at, created_at)
        select k.id, k.key, k.kind, k.component, k.authorizer, k.payload, k.sealed_by, k.sealed, 'ready', at, at
        from jsonb_to_recordset(item -> 'tasks') as k (
            id uuid, key text, kind text, component text, authorizer text, payload text, sealed_by text, sealed text)
        on conflict do nothing;

        if item -> 'erases' <> 'null' then
            perform erase_authorizer(item ->> 'stream', item -> 'erases', at);
        end if;

        if task_id is not null then
            update task t set state = 'done', done_at = at, position = last_position, leased_until = null, sealed = null
            where t.id = task_id;
        end if;

        insert into command as c (id, outcome, position, recorded_at)
        values (command_id, case when appended > 0 then 'applied' else 'nothing' end, last_position, at)
        on conflict (id) do update set
            outcome = excluded.outcome, position = excluded.position, recorded_at = excluded.recorded_at;
        if is_retry then
            delete from dead_letter d where d.command = command_id; -- it was dead and has now been decided
        end if;
        result := 'stored';
        return next;
    end loop;
    if head > first then
        update log_head set position = head where shard = 0;
    end if;
end
$$;
