-- 0009_one_truth: the redeem task is the one truth about a code.

-- tag: of the consent link that a code came through. ending: of a done task, so that a success is stored after a refusal, too.
alter table task
    add column tag text,
    add column ending text check (ending in ('success', 'refusal'));

-- A callback that names no pre-auth code finds its visit by the code that it brought.
create index consent_visit_by_code on consent_visit (code) where code is not null;

-- Queues tasks; one whose key is there is left as it is.
create function queue_tasks(queued jsonb, at bigint) returns void language plpgsql as $$
begin
    insert into task (id, key, kind, component, authorizer, tag, payload, sealed_by, sealed, state, next_at, created_at)
    select k.id, k.key, k.kind, k.component, k.authorizer, k.tag, k.payload, k.sealed_by, k.sealed, 'ready', at, at
    from jsonb_to_recordset(queued) as k (
        id uuid, key text, kind text, component text, authorizer text, tag text, payload text, sealed_by text, sealed text)
    on conflict do nothing;
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
    ends text;
    its record;
    queued jsonb;
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
        if task_id is not null then
            -- A worker of the version before names no attempt: what it decided counts as a success, and learns nothing.
            ends := coalesce(item -> 'finish' ->> 'ending', case when item ? 'letter' then 'refusal' else 'success' end);
            select t.state, t.attempt, t.authorizer, t.tag, t.ending into its from task t where t.id = task_id;
            if not found or its.state = 'done' and (ends <> 'success' or its.ending is distinct from 'refusal')
                or ends <> 'success' and (its.state = 'dead' or its.attempt <> (item -> 'finish' ->> 'attempt')::integer)
            then
                result := 'finished';
                return next;
                continue;
            end if;
            if item -> 'finish' is not null
                and (its.authorizer, its.tag) is distinct from (item -> 'finish' ->> 'authorizer', item -> 'finish' ->> 'tag')
            then
                result := 'conflict';
                return next;
                continue;
            end if;
        end if;

        if item ? 'letter' then
            update task t set state = 'dead', leased_until = null where t.id = task_id;
            insert into dead_letter (command, reason, detail, push_id, push, task, recorded_at)
            select command_id, l ->> 'reason', l ->> 'detail', (l ->> 'push_id')::uuid, l ->> 'push', task_id, at
            from (select item -> 'letter' as l) letter
            on conflict (command) do nothing;
            if item -> 'tasks' <> '[]' then
                perform queue_tasks(item -> 'tasks', at);
            end if;
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
        if item -> 'redeems' <> '[]' then
            if exists (
                select from jsonb_to_recordset(item -> 'redeems') as r (key text)
                join task t on t.key = r.key
                where t.state in ('done', 'dead')
            ) then
                result := 'conflict';
                return next;
                continue;
            end if;
        end if;

        -- Nothing is written above this line: a conflict does not undo what the rest of the batch stores.
        if item -> 'keys' <> '[]' then
            insert into data_key (stream, number, master, wrapped)
            select k.stream, k.number, k.master, decode(k.wrapped, 'base64')
            from jsonb_to_recordset(item -> 'keys') as k (stream text, number integer, master text, wrapped text);
            insert into data_key_subject (authorizer, stream, number)
            select a.authorizer, k.stream, k.number
            from jsonb_to_recordset(item -> 'keys') as k (stream text, number integer, about jsonb),
                jsonb_array_elements_text(k.about) as a (authorizer);
        end if;

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

        queued := (item -> 'tasks') || coalesce(item -> 'redeems', '[]');
        if queued <> '[]' then
            perform queue_tasks(queued, at);
        end if;
        if item -> 'redeems' <> '[]' then
            -- A code that is known learns what was missing.
            update task t set authorizer = coalesce(t.authorizer, r.authorizer), tag = coalesce(t.tag, r.tag)
            from jsonb_to_recordset(item -> 'redeems') as r (key text, authorizer text, tag text)
            where t.key = r.key and (t.authorizer is null and r.authorizer is not null or t.tag is null and r.tag is not null);
        end if;

        if item -> 'erases' <> 'null' then
            perform erase_authorizer(item ->> 'stream', item -> 'erases', at);
        end if;

        -- What is put off goes on.
        if task_id is not null and ends <> 'put_off' then
            if its.state = 'dead' then
                with settled as (delete from dead_letter d where d.task = task_id returning d.command)
                update command c set outcome = 'nothing' from settled where c.id = settled.command and c.outcome = 'dead';
            end if;
            update task t set state = 'done', done_at = at, position = last_position, ending = ends, leased_until = null, sealed = null
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
