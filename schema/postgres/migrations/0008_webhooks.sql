-- 0008_webhooks: endpoints that events are delivered to, how far each has come, and the newest attempts.

create table webhook (
    id uuid primary key,
    revision bigint not null,
    data text not null
);

create table webhook_attempt (
    id uuid primary key,
    webhook uuid not null,
    data text not null
);

create unique index webhook_attempt_by_webhook on webhook_attempt (webhook, id);
