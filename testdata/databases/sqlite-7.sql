-- A database of the version before inspections, as it stood: three tickets, an authorizer with credentials, the code's task, and each of
-- the four kinds of tasks that inspections replace, once ready and once given up. Written by that version; never edited.
BEGIN TRANSACTION;
CREATE TABLE api_key (
    id blob primary key,
    name text not null,
    hash blob not null unique,
    scopes text not null,
    components text,
    authorizers text,
    created_at integer not null,
    expires_at integer,
    revoked_at integer,
    used_at integer
) strict, without rowid;
CREATE TABLE audit (
    id blob primary key,
    recorded_at integer not null,
    actor text not null,
    address text,
    act text not null,
    subject text,
    detail text
) strict, without rowid;
CREATE TABLE checkpoint (
    reader text primary key,
    position integer not null
) strict, without rowid;
CREATE TABLE command (
    id blob primary key,
    outcome text not null check (outcome in ('applied', 'nothing', 'dead', 'discarded')),
    position integer,
    recorded_at integer not null
) strict, without rowid;
INSERT INTO "command" VALUES(X'01A22D515E488F11ABBAC513D3614460','applied',4,1796056737996);
INSERT INTO "command" VALUES(X'01A22D526FB88AD881B7691F03185A94','applied',1,1796056737842);
INSERT INTO "command" VALUES(X'01A22D5296C88DAC982050A7085043B2','applied',2,1796056737918);
INSERT INTO "command" VALUES(X'01A22D52BDD885908CA0BA92B947F95D','applied',3,1796056737941);
INSERT INTO "command" VALUES(X'01A22D52E95A70A9BADFEB6416A0C592','applied',6,1796056738138);
INSERT INTO "command" VALUES(X'01A22D52E9E274E69C6B27CD3EA58C82','nothing',NULL,1796056738274);
INSERT INTO "command" VALUES(X'01A22D52E9E2827799AA3EED6A28D261','dead',NULL,1796056738934);
INSERT INTO "command" VALUES(X'01A22D52E9FB73F1ACAB64351136E136','nothing',NULL,1796056738299);
INSERT INTO "command" VALUES(X'01A22D52E9FB8D709A0771F10EAB5262','dead',NULL,1796056738946);
INSERT INTO "command" VALUES(X'01A22D52EAA775A79D922A51F90E690B','nothing',NULL,1796056738471);
INSERT INTO "command" VALUES(X'01A22D52EAA787A7A5F479D0441ACFE8','dead',NULL,1796056738962);
INSERT INTO "command" VALUES(X'01A22D52EB3F778AB3209957A0698E3D','nothing',NULL,1796056738623);
INSERT INTO "command" VALUES(X'01A22D52EB3F8AC3BA7DCBD6828024C7','dead',NULL,1796056738982);
INSERT INTO "command" VALUES(X'01A22D52EB6C725BBAEC6BF385217976','nothing',NULL,1796056738668);
INSERT INTO "command" VALUES(X'01A22D52EB7B70DEB4BD6292F25899C7','nothing',NULL,1796056738683);
INSERT INTO "command" VALUES(X'01A22D52EBFA73C29BC6B926594A98A4','nothing',NULL,1796056738810);
INSERT INTO "command" VALUES(X'01A22D52EC27727B9A947F4D806D8E57','nothing',NULL,1796056738855);
CREATE TABLE consent_link (
    id text primary key,
    data text not null,
    expires_at integer not null
) strict, without rowid;
CREATE TABLE consent_visit (
    id blob primary key,
    pre_auth text not null,
    code text,
    data text not null,
    expires_at integer not null
) strict, without rowid;
CREATE TABLE data_key (
    stream text not null,
    number integer not null,
    master text,
    wrapped blob,
    destroyed_at integer,
    primary key (stream, number)
) strict, without rowid;
INSERT INTO "data_key" VALUES('authorizer/wx1f2e3d4c5b6a7988/wxa0b1c2d3e4f50617',1,'test',X'FC180BB4CA70FCB5969399D0B9FCE8A0337252735FA1E4CCB6B356B25826C0185D276B4BC7AE0F0DC864555B7B5231807324A2A8617A597CBEFB0DB6',NULL);
INSERT INTO "data_key" VALUES('component/wx1f2e3d4c5b6a7988',1,'test',X'A923E61758A454A8087BCA224AA7E2B14AABBF3B4E5B6F6F9F89B4E2FA775C603DE745D9C7F4EB08042AF0A2499C3E7929EEA7072C2B95CECAB5B216',NULL);
CREATE TABLE data_key_subject (
    authorizer text not null,
    stream text not null,
    number integer not null,
    primary key (authorizer, stream, number)
) strict, without rowid;
CREATE TABLE dead_letter (
    command blob primary key,
    reason text not null,
    detail text not null,
    push_id blob,
    push text,
    task blob,
    retries integer not null default 0,
    recorded_at integer not null
) strict, without rowid;
INSERT INTO "dead_letter" VALUES(X'01A22D52E9E2827799AA3EED6A28D261','confirmation_refused','WeChat refused',NULL,NULL,X'01A22D52E9E2880C9F6BCDBE517A4345',0,1796056738934);
INSERT INTO "dead_letter" VALUES(X'01A22D52E9FB8D709A0771F10EAB5262','confirmation_refused','WeChat refused',NULL,NULL,X'01A22D52E9FB8D7FBBE48A702F555531',0,1796056738946);
INSERT INTO "dead_letter" VALUES(X'01A22D52EAA787A7A5F479D0441ACFE8','confirmation_refused','WeChat refused',NULL,NULL,X'01A22D52EAA7823AB245D05207741F79',0,1796056738962);
INSERT INTO "dead_letter" VALUES(X'01A22D52EB3F8AC3BA7DCBD6828024C7','confirmation_refused','WeChat refused',NULL,NULL,X'01A22D52EB3F86408D0C1176F560B5F4',0,1796056738982);
CREATE TABLE event (
    position integer primary key,
    stream text not null,
    version integer not null,
    id blob not null unique,
    name text not null,
    form integer not null,
    command blob not null,
    occurred_at integer,
    recorded_at integer not null,
    data text not null,
    sealed text not null,
    unique (stream, version)
) strict;
INSERT INTO "event" VALUES(1,'component/wx1f2e3d4c5b6a7988',1,X'01A22D526FB88DC091D58DD6CF19E308','component.ticket_received',1,X'01A22D526FB88AD881B7691F03185A94',1796056707000,1796056737842,'{"create_time":1796056707}','{"ticket":"1.SlEA05+BWQQ7YBqFW39j50r8x2SW2XDoifcU1zWP/Hzhn1xdorzM+A"}');
INSERT INTO "event" VALUES(2,'component/wx1f2e3d4c5b6a7988',2,X'01A22D5296C88884B2FC8F2584854ED2','component.ticket_received',1,X'01A22D5296C88DAC982050A7085043B2',1796056717000,1796056737918,'{"create_time":1796056717}','{"ticket":"1.lqXoDbrTB4UTYIqr+BI5lIpCXw+AGst527MkuUMHHyYUAeYJ9vVQhA"}');
INSERT INTO "event" VALUES(3,'component/wx1f2e3d4c5b6a7988',3,X'01A22D52BDD88DDA932C226382CAF536','component.ticket_received',1,X'01A22D52BDD885908CA0BA92B947F95D',1796056727000,1796056737941,'{"create_time":1796056727}','{"ticket":"1.d1oPUeJ6R2WLOs21UR0GrPoUSLZmq5Ecpk01qHaLGj/GW13gn8OcZQ"}');
INSERT INTO "event" VALUES(4,'authorizer/wx1f2e3d4c5b6a7988/wxa0b1c2d3e4f50617',1,X'01A22D515E48880B9FFE5415E64D4CE2','authorization.granted',1,X'01A22D515E488F11ABBAC513D3614460',1796056637000,1796056737996,'{"code_digest":"7918bef5430feb4868f81449c5f79285859518780965f07f7231ccee070135e6","code_expires_at":null,"create_time":1796056637,"tag":null,"via":"callback"}','{}');
INSERT INTO "event" VALUES(5,'authorizer/wx1f2e3d4c5b6a7988/wxa0b1c2d3e4f50617',2,X'01A22D52E95A8EFB8D5E7640E3EF8200','credentials.issued',1,X'01A22D52E95A70A9BADFEB6416A0C592',NULL,1796056738138,'{"code_digest":"7918bef5430feb4868f81449c5f79285859518780965f07f7231ccee070135e6","generation":1}','{"refresh_token":"1.t+1Tkq2OR4zq7pvxqTcD2gOZnEHHYOuIiGl1N+/AMnxJ7JV8BKPqm5/Bfig8xA"}');
INSERT INTO "event" VALUES(6,'authorizer/wx1f2e3d4c5b6a7988/wxa0b1c2d3e4f50617',3,X'01A22D52E95A8BF09E4127E14BDE685B','authorization.permissions_changed',1,X'01A22D52E95A70A9BADFEB6416A0C592',NULL,1796056738138,'{"gained":[1,17],"lost":[],"permissions":[1,17]}','{}');
CREATE TABLE leader (
    name text primary key,
    holder blob not null check (length(holder) = 16),
    until integer not null
) strict, without rowid;
CREATE TABLE log_head (
    shard integer primary key check (shard = 0),
    position integer not null,
    log_id text not null
) strict;
INSERT INTO "log_head" VALUES(0,6,'a log');
CREATE TABLE "message" (
    id blob primary key,
    component text not null,
    authorizer text not null,
    push text not null,
    received_at integer not null,
    position integer not null
) strict, without rowid;
CREATE TABLE message_head (
    only_row integer primary key check (only_row = 1),
    position integer not null,
    size integer not null
) strict;
INSERT INTO "message_head" VALUES(1,0,0);
CREATE TABLE reconciled (
    component text not null,
    authorizer text not null,
    primary key (component, authorizer)
) strict, without rowid;
CREATE TABLE reconciliation (
    component text primary key,
    id blob not null,
    head integer not null,
    started_at integer not null,
    progress text not null
) strict, without rowid;
CREATE TABLE schema_migration (
            number integer primary key, name text not null, sha256 text not null, applied_at integer not null) strict;
INSERT INTO "schema_migration" VALUES(1,'log','2a1acfe84ebf4ede2967478f7dea898735a622e69b7cc1e5b736375938215df7',1796056737285);
INSERT INTO "schema_migration" VALUES(2,'credentials','4977bfd2dd4312a26ece77aaae2ba75a548bc5c14ec7e7995868e5accc8e2a33',1796056737285);
INSERT INTO "schema_migration" VALUES(3,'erasing','a88e86769fddb25b1558e850eef34a978ea4b4fd26f618b21985100810817a53',1796056737285);
INSERT INTO "schema_migration" VALUES(4,'messages','d37bb09b9468c58c9fe97f5521146a352c166e41d79398bff72d8b85ab834ba9',1796056737285);
INSERT INTO "schema_migration" VALUES(5,'consent','70ea3c4d85acfd938e837c3ab3b13b73c41d8de0eb8c8a794c3ab444f14ac786',1796056737285);
INSERT INTO "schema_migration" VALUES(6,'leader','6c6dfe8043298c94f477920369cb020afd74b9033b959c9bfd776100d8c88eee',1796056737285);
INSERT INTO "schema_migration" VALUES(7,'webhooks','735a7cdef81d7dc3f3714d628d6899dd2e191a3e88d0dad123191929247160f0',1796056737285);
CREATE TABLE state (
    stream text primary key,
    version integer not null,
    position integer not null,
    form integer not null,
    state text not null,
    kind text generated always as (substr(stream, 1, instr(stream, '/') - 1)) virtual,
    component text generated always as (substr(stream, instr(stream, '/') + 1, instr(substr(stream, instr(stream, '/') + 1) || '/', '/') - 1)) virtual,
    status text generated always as (state ->> '$.status') virtual,
    search text generated always as (lower(
        stream || ' ' || coalesce(state ->> '$.profile.nick_name', '') || ' ' || coalesce(state ->> '$.profile.user_name', '')
        || ' ' || coalesce(state ->> '$.profile.principal_name', ''))) virtual
) strict, without rowid;
INSERT INTO "state" VALUES('authorizer/wx1f2e3d4c5b6a7988/wxa0b1c2d3e4f50617',3,6,1,'{"status":"authorized","generation":1,"newest_fact":{"kind":"grant","time":1796056637,"digest":"7918bef5430feb4868f81449c5f79285859518780965f07f7231ccee070135e6"},"grant_digests":["7918bef5430feb4868f81449c5f79285859518780965f07f7231ccee070135e6"],"authorized_at":"2026-11-30T16:37:17Z","revoked_at":null,"permissions":[1,17],"profile":null,"refresh_token":{"version":2,"kind":"credentials.issued","form":1,"field":"refresh_token","text":"1.t+1Tkq2OR4zq7pvxqTcD2gOZnEHHYOuIiGl1N+/AMnxJ7JV8BKPqm5/Bfig8xA"},"updated_at":"2026-11-30T16:38:58.138Z"}');
INSERT INTO "state" VALUES('component/wx1f2e3d4c5b6a7988',3,3,1,'{"ticket":{"create_time":1796056727,"received_at":"2026-11-30T16:38:57.941Z","ticket":{"version":3,"kind":"component.ticket_received","form":1,"field":"ticket","text":"1.d1oPUeJ6R2WLOs21UR0GrPoUSLZmq5Ecpk01qHaLGj/GW13gn8OcZQ"}},"previous_ticket":{"create_time":1796056717,"received_at":"2026-11-30T16:38:57.918Z","ticket":{"version":2,"kind":"component.ticket_received","form":1,"field":"ticket","text":"1.lqXoDbrTB4UTYIqr+BI5lIpCXw+AGst527MkuUMHHyYUAeYJ9vVQhA"}},"updated_at":"2026-11-30T16:38:57.941Z"}');
CREATE TABLE task (
    id blob primary key,
    key text not null unique,
    kind text not null,
    component text not null,
    authorizer text,
    payload text not null,
    sealed_by text,
    sealed text,
    state text not null check (state in ('ready', 'running', 'done', 'dead')),
    attempt integer not null default 0,
    next_at integer not null,
    leased_until integer,
    reason text,
    position integer,
    created_at integer not null,
    done_at integer
) strict, without rowid;
INSERT INTO "task" VALUES(X'01A22D52E8CC8807A9B183AB9E0E2A55','redeem:wx1f2e3d4c5b6a7988:7918bef5430feb4868f81449c5f79285859518780965f07f7231ccee070135e6','redeem','wx1f2e3d4c5b6a7988','wxa0b1c2d3e4f50617','{"via":"callback"}','authorizer/wx1f2e3d4c5b6a7988/wxa0b1c2d3e4f50617','1.3k9C8lQjNVfQ4J3GuLXp9TYiJ9m3giayfsvNzeqA//+w42GJMYFfLeoZMpCcLQc','ready',1,1796056738933,NULL,'not_reached',NULL,1796056737996,NULL);
INSERT INTO "task" VALUES(X'01A22D52E9E2880C9F6BCDBE517A4345','profile:wx1f2e3d4c5b6a7988:wxa0b1c2d3e4f50617:01a22d52-e9e2-74e6-9c6b-27cd3ea58c82','profile','wx1f2e3d4c5b6a7988','wxa0b1c2d3e4f50617','{}',NULL,NULL,'dead',1,1796056738274,NULL,NULL,NULL,1796056738274,NULL);
INSERT INTO "task" VALUES(X'01A22D52E9FB8D7FBBE48A702F555531','confirm:wx1f2e3d4c5b6a7988:wxa0b1c2d3e4f50617:01a22d52-e9fb-73f1-acab-64351136e136','confirm','wx1f2e3d4c5b6a7988','wxa0b1c2d3e4f50617','{}',NULL,NULL,'dead',1,1796056738299,NULL,NULL,NULL,1796056738299,NULL);
INSERT INTO "task" VALUES(X'01A22D52EAA7823AB245D05207741F79','recover:wx1f2e3d4c5b6a7988:wxa0b1c2d3e4f50617:01a22d52-eaa7-75a7-9d92-2a51f90e690b','recover','wx1f2e3d4c5b6a7988','wxa0b1c2d3e4f50617','{"digest":"7918bef5430feb4868f81449c5f79285859518780965f07f7231ccee070135e6","refusal":{"errcode":61009,"errmsg":"invalid code","rid":"6789-abcd"}}',NULL,NULL,'dead',1,1796056738471,NULL,NULL,NULL,1796056738471,NULL);
INSERT INTO "task" VALUES(X'01A22D52EB3F86408D0C1176F560B5F4','renew:wx1f2e3d4c5b6a7988:wxa0b1c2d3e4f50617:01a22d52-eb3f-778a-b320-9957a0698e3d','renew','wx1f2e3d4c5b6a7988','wxa0b1c2d3e4f50617','{"refusal":{"errcode":61009,"errmsg":"invalid code","rid":"6789-abcd"}}',NULL,NULL,'dead',1,1796056738623,NULL,NULL,NULL,1796056738623,NULL);
INSERT INTO "task" VALUES(X'01A22D52EB6C8F4AB0D5D16F4383EEBB','profile:wx1f2e3d4c5b6a7988:wxa0b1c2d3e4f50617:01a22d52-eb6c-725b-baec-6bf385217976','profile','wx1f2e3d4c5b6a7988','wxa0b1c2d3e4f50617','{}',NULL,NULL,'ready',1,1796056738986,NULL,'not_reached',NULL,1796056738668,NULL);
INSERT INTO "task" VALUES(X'01A22D52EB7B8A8F9066AAD077590B6B','confirm:wx1f2e3d4c5b6a7988:wxa0b1c2d3e4f50617:01a22d52-eb7b-70de-b4bd-6292f25899c7','confirm','wx1f2e3d4c5b6a7988','wxa0b1c2d3e4f50617','{}',NULL,NULL,'ready',1,1796056738987,NULL,'not_reached',NULL,1796056738683,NULL);
INSERT INTO "task" VALUES(X'01A22D52EBFA85C7ADA463E2A8D8E6F5','recover:wx1f2e3d4c5b6a7988:wxa0b1c2d3e4f50617:01a22d52-ebfa-73c2-9bc6-b926594a98a4','recover','wx1f2e3d4c5b6a7988','wxa0b1c2d3e4f50617','{"digest":"7918bef5430feb4868f81449c5f79285859518780965f07f7231ccee070135e6","refusal":{"errcode":61009,"errmsg":"invalid code","rid":"6789-abcd"}}',NULL,NULL,'ready',1,1796056738987,NULL,'not_reached',NULL,1796056738810,NULL);
INSERT INTO "task" VALUES(X'01A22D52EC278D15B1BD7A0CE4B4DE7D','renew:wx1f2e3d4c5b6a7988:wxa0b1c2d3e4f50617:01a22d52-ec27-727b-9a94-7f4d806d8e57','renew','wx1f2e3d4c5b6a7988','wxa0b1c2d3e4f50617','{"refusal":{"errcode":61009,"errmsg":"invalid code","rid":"6789-abcd"}}',NULL,NULL,'ready',1,1796056738988,NULL,'not_reached',NULL,1796056738855,NULL);
CREATE TABLE token (
    stream text primary key,
    access text,
    expires_at integer,
    generation integer not null,
    fence integer not null,
    leased_until integer
, used_at integer, failures integer not null default 0, failed_fence integer, not_before integer, failure text) strict, without rowid;
CREATE TABLE token_read (
    minute integer not null,
    api_key blob not null,
    stream text not null,
    count integer not null,
    primary key (minute, api_key, stream)
) strict, without rowid;
CREATE TABLE webhook (
    id blob primary key check (length(id) = 16),
    revision integer not null,
    data text not null
) strict, without rowid;
CREATE TABLE webhook_attempt (
    id blob primary key check (length(id) = 16),
    webhook blob not null,
    data text not null
) strict, without rowid;
CREATE TRIGGER event_is_never_updated before update on event
begin
    select raise(abort, 'the event log is append-only');
end;
CREATE TRIGGER event_is_never_deleted before delete on event
begin
    select raise(abort, 'the event log is append-only');
end;
CREATE INDEX state_by_status on state (kind, component, status);
CREATE INDEX task_due on task (next_at) where state = 'ready';
CREATE INDEX task_leased on task (leased_until) where state = 'running';
CREATE INDEX task_done on task (done_at) where state = 'done';
CREATE INDEX task_counts on task (kind, state);
CREATE INDEX token_expiry on token (expires_at) where access is not null;
CREATE INDEX data_key_master on data_key (master, stream, number) where wrapped is not null;
CREATE INDEX audit_by_age on audit (recorded_at);
CREATE INDEX task_not_done on task (component, authorizer) where state <> 'done';
CREATE INDEX message_by_age on message (received_at);
CREATE INDEX message_of_account on message (component, authorizer);
CREATE UNIQUE INDEX message_by_position on message (position);
CREATE TRIGGER message_added after insert on message begin
    update message_head set size = size + length(cast(new.push as blob));
end;
CREATE TRIGGER message_removed after delete on message begin
    update message_head set size = size - length(cast(old.push as blob));
end;
CREATE INDEX consent_link_by_age on consent_link (expires_at);
CREATE UNIQUE INDEX consent_visit_by_pre_auth on consent_visit (pre_auth);
CREATE INDEX consent_visit_by_age on consent_visit (expires_at);
CREATE UNIQUE INDEX webhook_attempt_by_webhook on webhook_attempt (webhook, id);
COMMIT;
