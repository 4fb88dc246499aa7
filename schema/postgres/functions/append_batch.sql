-- Appends a batch of commands, an array of the form that `append.rs` writes, and answers one row for each, in order. Called in
-- autocommit: a client that dies cannot park the lock of log_head, which is held from here to the commit, so that the order of
-- commits is the order of positions. Each inner statement sees what was committed before it.
--
-- The batch is stored in parts, each with one statement for each table. Within a part commands depend on one another only as
-- links of a chain: they are of one stream, and each expects the version that the one before it leaves. Where a command depends on
-- an earlier one in another way, a new part begins. So the result is that of one command after the other.
--
-- The plans of a session are made while its tables are small, and kept while they grow. So every row is found by a key: in a
-- subquery of its own (`offset 0` keeps it from becoming a join), or by an array of keys.
create or replace function append_batch(batch jsonb)
returns table (result text, outcome text, last_position bigint) language plpgsql
set enable_seqscan = off set plan_cache_mode = force_generic_plan set jit = off as $$
declare
    size constant integer := jsonb_array_length(batch);
    head bigint;
    first bigint;
    ends integer[] := '{}'; -- the last command of each part
    start integer := 1;
    its record;
    part jsonb;
    broken text[] := '{}'; -- streams with a command that was not stored: what follows in them is a conflict
    unstored text[];
    results text[];
    outcomes text[];
    positions bigint[];
    keys text[]; -- of the codes to redeem, with what each learns
    authorizers text[];
    tags text[];
    finished uuid[]; -- tasks that end, with how
    finished_at bigint[];
    finished_by bigint[];
    endings text[];
    late uuid[]; -- those of them that were given up before
    given_up uuid[];
begin
    select h.position into strict head from log_head h where h.shard = 0 for update;
    first := head;

    if size > 1 then
        for its in
            with item as (
                select i.n, i.id, i.stream, i.task, i.redeems,
                    i.erases is not null or exists (
                        select from jsonb_to_recordset(i.keys) as k (stream text) where k.stream <> i.stream
                    ) as is_alone
                from rows from (
                    jsonb_to_recordset(batch) as (id uuid, stream text, task uuid, redeems jsonb, keys jsonb, erases jsonb)
                ) with ordinality as i (id, stream, task, redeems, keys, erases, n)
            ), touched as (
                select i.n, i.task as id, true as ends from item i where i.task is not null
                union all
                select i.n, coalesce((select t.id from task t where t.key = r.key), r.id), false
                from item i, jsonb_to_recordset(i.redeems) as r (id uuid, key text)
            )
            select l.n, max(l.follows) as follows
            from (
                select i.n, case
                    when i.is_alone or lag(i.is_alone) over (order by i.n) then i.n - 1
                    else lag(i.n) over (partition by i.id order by i.n)
                end as follows
                from item i
                union all
                select t.n, case when t.ends then max(t.n) over before else max(t.n) filter (where t.ends) over before end
                from touched t
                window before as (partition by t.id order by t.n groups between unbounded preceding and 1 preceding)
            ) l
            where l.follows is not null
            group by l.n
            order by l.n
        loop
            if its.follows >= start then
                ends := ends || (its.n - 1)::integer;
                start := its.n;
            end if;
        end loop;
    end if;
    ends := ends || size;

    start := 1;
    for number in 1 .. cardinality(ends) loop
        if cardinality(ends) = 1 then
            part := batch;
        else
            select jsonb_agg(batch -> n order by n) into part from generate_series(start - 1, ends[number] - 1) n;
        end if;
        start := ends[number] + 1;

        with item as materialized (
            select i.*, case when i.letter is null then jsonb_array_length(i.events) else 0 end as count,
                (select max(k.number) from jsonb_to_recordset(i.keys) as k (number integer)) as last_key,
                -- A worker of the version before names no attempt: what it decided counts as a success, and learns nothing.
                coalesce(i.finish ->> 'ending', case when i.letter is null then 'success' else 'refusal' end) as ending
            from rows from (
                jsonb_to_recordset(part) as (
                    id uuid, recorded_at bigint, task uuid, finish jsonb, stream text, expected bigint, events jsonb, state jsonb,
                    keys jsonb, token jsonb, tasks jsonb, redeems jsonb, erases jsonb, letter jsonb)
            ) with ordinality as i (
                id, recorded_at, task, finish, stream, expected, events, state, keys, token, tasks, redeems, erases, letter, n)
        ), link as (
            select i.*, sum(i.count) over before as count_before, max(i.last_key) over before as key_before
            from item i
            window before as (partition by i.stream order by i.n rows between unbounded preceding and 1 preceding)
        ), found as materialized (
            select i.*, c.outcome as was, c.position as was_at, t.state as task_was,
                c.outcome is not null and (c.outcome <> 'dead' or i.letter is not null) as is_known,
                case
                    when i.task is null then null
                    when t.state is null
                        or t.state = 'done' and (i.ending <> 'success' or t.ending is distinct from 'refusal')
                        or i.ending <> 'success'
                            and (t.state = 'dead' or t.attempt <> (i.finish ->> 'attempt')::integer) then 'finished'
                    when i.finish is not null
                        and (t.authorizer, t.tag) is distinct from (i.finish ->> 'authorizer', i.finish ->> 'tag') then 'conflict'
                end as void,
                i.letter is null and (
                    i.expected <> coalesce(s.version, 0) + coalesce(i.count_before, 0)
                    or exists (
                        select from jsonb_to_recordset(i.keys) as k (stream text, number integer)
                        where k.number <= coalesce((select max(d.number) from data_key d where d.stream = k.stream), 0)
                            or k.number <= i.key_before
                    )
                    or exists (
                        select from jsonb_to_recordset(i.redeems) as r (key text)
                        where (select t.state from task t where t.key = r.key) in ('done', 'dead')
                    )
                ) as is_misfit
            from link i
            left join lateral (select c.outcome, c.position from command c where c.id = i.id offset 0) c on true
            left join lateral (
                select t.state, t.attempt, t.authorizer, t.tag, t.ending from task t where t.id = i.task offset 0
            ) t on true
            left join lateral (select s.version from state s where s.stream = i.stream offset 0) s on true
        ), judged as (
            select f.*, case
                when f.is_known then 'duplicate'
                when f.stream = any (broken)
                    or f.stream is not null and bool_or(f.is_known or f.is_misfit or f.void is not null) over before
                    then 'conflict'
                when f.void is not null then f.void
                when f.is_misfit then 'conflict'
                else 'stored'
            end as result
            from found f
            window before as (partition by f.stream order by f.n rows between unbounded preceding and 1 preceding)
        ), numbered as (
            select j.*, head + sum(j.count) filter (where j.result = 'stored') over (order by j.n) as last from judged j
        ), stored as materialized (
            select n.*, case when n.count > 0 then n.last end as position, n.letter is null and n.was = 'dead' as is_retry
            from numbered n
            where n.result = 'stored'
        ), new_key as (
            insert into data_key (stream, number, master, wrapped)
            select k.stream, k.number, k.master, decode(k.wrapped, 'base64')
            from stored s, jsonb_to_recordset(s.keys) as k (stream text, number integer, master text, wrapped text)
        ), new_subject as (
            insert into data_key_subject (authorizer, stream, number)
            select a.authorizer, k.stream, k.number
            from stored s, jsonb_to_recordset(s.keys) as k (stream text, number integer, about jsonb),
                jsonb_array_elements_text(k.about) as a (authorizer)
        ), new_event as (
            insert into event (position, stream, version, id, name, form, command, occurred_at, recorded_at, data, sealed)
            select s.position - s.count + e.n, s.stream, s.expected + e.n, e.id, e.name, e.form, e.command, e.occurred_at,
                e.recorded_at, e.data, e.sealed
            from stored s, rows from (
                jsonb_to_recordset(s.events) as (
                    id uuid, name text, form integer, command uuid, occurred_at bigint, recorded_at bigint, data text, sealed text)
            ) with ordinality as e (id, name, form, command, occurred_at, recorded_at, data, sealed, n)
            where s.count > 0
        ), new_state as (
            insert into state as s (stream, version, position, form, state, component, status, search)
            select distinct on (s.stream) s.stream, s.expected + s.count, s.position, (s.state ->> 'form')::integer,
                s.state ->> 'json', split_part(s.stream, '/', 2), l.status, l.search
            from stored s, lateral (
                select s.state ->> 'status' as status, s.state ->> 'search' as search
                where s.state ? 'search'
                union all
                -- A worker of the version before leaves it to the database.
                select j.json ->> 'status', case when s.stream like 'authorizer/%' then lower((split_part(s.stream, '/', 3)
                    || ' ' || coalesce(j.json #>> '{profile,nick_name}', '')
                    || ' ' || coalesce(j.json #>> '{profile,user_name}', '')
                    || ' ' || coalesce(j.json #>> '{profile,principal_name}', '')) collate "C") else '' end
                from (select replace(s.state ->> 'json', '\u0000', '\u0020')::jsonb as json where not s.state ? 'search') j
            ) l
            where s.count > 0
            order by s.stream, s.n desc
            on conflict (stream) do update set
                version = excluded.version, position = excluded.position, form = excluded.form, state = excluded.state,
                component = excluded.component, status = excluded.status, search = excluded.search
        ), change as (
            -- Of several changes in a chain the last one counts; its generation is that of the last token stored.
            select s.stream, s.n, s.token ->> 'access' as access, (s.token ->> 'expires_at')::bigint as expires_at,
                max(case when s.token ->> 'change' = 'store' then s.n end) over its as stores,
                last_value(s.n) over its as last
            from stored s
            where s.token is not null
            window its as (partition by s.stream order by s.n rows between unbounded preceding and unbounded following)
        ), new_token as (
            insert into token as t (stream, access, expires_at, generation, fence)
            select c.stream, c.access, c.expires_at, (s.token ->> 'generation')::bigint, 1
            from change c join stored s on s.n = c.stores
            where c.n = c.last
            on conflict (stream) do update set
                access = excluded.access, expires_at = excluded.expires_at, generation = excluded.generation,
                fence = t.fence + 1, leased_until = null
        ), emptied as (
            update token t set access = null, expires_at = null, fence = t.fence + 1, leased_until = null
            where t.stream = any (array(select c.stream from change c where c.stores is null))
        ), new_task as (
            insert into task (id, key, kind, component, authorizer, tag, payload, sealed_by, sealed, state, next_at, created_at)
            select k.id, k.key, k.kind, k.component, k.authorizer, k.tag, k.payload, k.sealed_by, k.sealed, 'ready', s.recorded_at,
                s.recorded_at
            from stored s, rows from (
                jsonb_to_recordset(coalesce(s.tasks, '[]') || coalesce(s.redeems, '[]')) as (
                    id uuid, key text, kind text, component text, authorizer text, tag text, payload text, sealed_by text,
                    sealed text)
            ) with ordinality as k (id, key, kind, component, authorizer, tag, payload, sealed_by, sealed, n)
            order by s.n, k.n
            on conflict do nothing
        ), new_letter as (
            insert into dead_letter (command, reason, detail, push_id, push, task, recorded_at)
            select s.id, s.letter ->> 'reason', s.letter ->> 'detail', (s.letter ->> 'push_id')::uuid, s.letter ->> 'push', s.task,
                s.recorded_at
            from stored s
            where s.letter is not null
            on conflict (command) do nothing
        ), retried as (
            -- They were dead and have now been decided.
            delete from dead_letter d where d.command = any (array(select s.id from stored s where s.is_retry))
        ), new_command as (
            insert into command as c (id, outcome, position, recorded_at)
            select s.id, case when s.letter is not null then 'dead' when s.count > 0 then 'applied' else 'nothing' end, s.position,
                s.recorded_at
            from stored s
            on conflict (id) do update set
                outcome = excluded.outcome, position = excluded.position, recorded_at = excluded.recorded_at
        ), learned as (
            select r.key, (array_agg(r.authorizer order by s.n) filter (where r.authorizer is not null))[1] as authorizer,
                (array_agg(r.tag order by s.n) filter (where r.tag is not null))[1] as tag
            from stored s, jsonb_to_recordset(s.redeems) as r (key text, authorizer text, tag text)
            group by r.key
        ), ended as (
            -- What is put off goes on.
            select s.task, s.recorded_at, s.position, s.ending, s.task_was, s.letter is not null as dies
            from stored s
            where s.task is not null and s.ending <> 'put_off'
        )
        select j.*, l.*, e.*
        into results, outcomes, positions, unstored, head, keys, authorizers, tags, finished, finished_at, finished_by, endings,
            late, given_up
        from (
            select array_agg(n.result order by n.n), array_agg(case when n.is_known then n.was end order by n.n),
                array_agg(case when n.is_known then n.was_at when n.result = 'stored' and n.count > 0 then n.last end order by n.n),
                array_agg(n.stream) filter (where n.result <> 'stored' and n.stream is not null), coalesce(max(n.last), head)
            from numbered n
        ) j, (
            select array_agg(l.key), array_agg(l.authorizer), array_agg(l.tag)
            from learned l
            where l.authorizer is not null or l.tag is not null
        ) l, (
            select array_agg(e.task) filter (where not e.dies), array_agg(e.recorded_at) filter (where not e.dies),
                array_agg(e.position) filter (where not e.dies), array_agg(e.ending) filter (where not e.dies),
                array_agg(e.task) filter (where not e.dies and e.task_was = 'dead'), array_agg(e.task) filter (where e.dies)
            from ended e
        ) e;

        if keys is not null then
            -- A code that is known learns what was missing.
            update task t set (authorizer, tag) = (
                select coalesce(t.authorizer, authorizers[l.at]), coalesce(t.tag, tags[l.at])
                from (select array_position(keys, t.key) as at offset 0) l
            )
            where t.key = any (keys) and (
                t.authorizer is null and authorizers[array_position(keys, t.key)] is not null
                or t.tag is null and tags[array_position(keys, t.key)] is not null
            );
        end if;
        if results = '{stored}' and part -> 0 -> 'erases' <> 'null' then
            perform erase_authorizer(part -> 0 ->> 'stream', part -> 0 -> 'erases', (part -> 0 ->> 'recorded_at')::bigint);
        end if;
        if late is not null then
            with settled as (delete from dead_letter d where d.task = any (late) returning d.command)
            update command c set outcome = 'nothing' from settled where c.id = settled.command and c.outcome = 'dead';
        end if;
        if finished is not null then
            update task t set state = 'done', leased_until = null, sealed = null, (done_at, position, ending) = (
                select finished_at[f.at], finished_by[f.at], endings[f.at]
                from (select array_position(finished, t.id) as at offset 0) f
            )
            where t.id = any (finished);
        end if;
        if given_up is not null then
            update task t set state = 'dead', leased_until = null where t.id = any (given_up);
        end if;

        broken := broken || coalesce(unstored, '{}');
        return query select r.result, r.outcome, r.position from unnest(results, outcomes, positions) as r (result, outcome, position);
    end loop;
    if head > first then
        update log_head set position = head where shard = 0;
    end if;
end
$$;
