-- 0007_webhooks: endpoints that events are delivered to, how far each has come, and the newest attempts.

create table webhook (
    id blob primary key check (length(id) = 16),
    revision integer not null,
    data text not null
) strict, without rowid;

create table webhook_attempt (
    id blob primary key check (length(id) = 16),
    webhook blob not null,
    data text not null
) strict, without rowid;

create unique index webhook_attempt_by_webhook on webhook_attempt (webhook, id);
