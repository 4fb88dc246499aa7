-- 0012_lease: who does what one process does for all, on this database's clock; and whose turn it is to refresh a token.

-- fence: rises with every new holder. A lease that is given back stays with `until` 0, so that its fence is not forgotten.
-- Table `leader` stays for workers of the version before.
create table lease (
    name text primary key,
    holder blob not null check (length(holder) = 16),
    until integer not null,
    fence integer not null
) strict, without rowid;

-- Until when no other process takes this token to refresh it ahead of time.
alter table token add column ahead_until integer;
