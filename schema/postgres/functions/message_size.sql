-- Keep the size of all messages, a statement at a time: for each row it would take the square of the rows.
create or replace function message_added() returns trigger language plpgsql as $$
begin
    update message_head set size = message_head.size + added.size
    from (select sum(octet_length(a.push)) as size from added a) added
    where added.size is not null;
    return null;
end
$$;

create or replace function message_removed() returns trigger language plpgsql as $$
begin
    update message_head set size = message_head.size - removed.size
    from (select sum(octet_length(r.push)) as size from removed r) removed
    where removed.size is not null;
    return null;
end
$$;
