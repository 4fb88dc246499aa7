//! `mandate api-key`, `audit`.

use std::{collections::BTreeSet, time::Duration};

use jiff::{SignedDuration, Timestamp};
use mandate_runtime::{config::parse_duration, random};
use mandate_schema::{ApiKey, ApiKeyRecord, Reach, Scope, format_time};
use mandate_storage::{AuditEntry, Store, TokenReads};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    args::{ApiKeyCommand, Global},
    context::{load_for_storage, note_act, open_storage},
    exit::CliError,
    output::{self, Format},
};

/// The longest name, in characters.
const NAME_MAX: usize = 100;

/// A key, without its text.
#[derive(Serialize)]
struct Shown {
    id: Uuid,
    name: String,
    scopes: BTreeSet<Scope>,
    #[serde(flatten)]
    reach: Reach,
    state: &'static str,
    created_at: String,
    expires_at: Option<String>,
    used_at: Option<String>,
}

/// A new key.
#[derive(Serialize)]
struct Created<'a> {
    id: Uuid,
    key: &'a str,
}

pub(super) async fn run(global: &Global, command: ApiKeyCommand) -> Result<(), CliError> {
    let storage = open_storage(&load_for_storage(global)?).await?;
    match command {
        ApiKeyCommand::Create { name, scope, component, authorizer, expires_in } => {
            let some = |list: bool| list.then_some(());
            let reach = Reach {
                components: some(!component.is_empty()).map(|()| component.into_iter().collect()),
                authorizers: some(!authorizer.is_empty()).map(|()| authorizer.into_iter().collect()),
            };
            let life = expires_in.as_deref().map(duration).transpose()?;
            create(&storage, name, scope.into_iter().collect(), reach, life, global.output).await
        }
        ApiKeyCommand::List => {
            let now = Timestamp::now();
            let keys: Vec<Shown> = storage.api_keys().await?.into_iter().map(|key| shown(key, now)).collect();
            let header = ["id", "name", "scopes", "for", "state", "created", "last use"];
            output::list(&keys, global.output, header, |key| {
                [
                    key.id.to_string(),
                    key.name.clone(),
                    words(&key.scopes),
                    limits(&key.reach),
                    key.state.to_owned(),
                    key.created_at.clone(),
                    key.used_at.clone().unwrap_or_else(|| "never".to_owned()),
                ]
            })
        }
        ApiKeyCommand::Revoke { id } => {
            if !storage.revoke_api_key(id, Timestamp::now()).await? {
                return Err(CliError::NotFound(format!("there is no key {id} that is not revoked yet")));
            }
            note_act(&storage, "api_key.revoked", &format!("key {id}"), None).await?;
            output::note(format!("key {id} is revoked, and opens nothing within a second"))
        }
    }
}

async fn create(
    storage: &Store,
    name: String,
    scopes: BTreeSet<Scope>,
    reach: Reach,
    life: Option<Duration>,
    format: Format,
) -> Result<(), CliError> {
    if name.trim().is_empty() || name.chars().count() > NAME_MAX || name.contains(char::is_control) {
        return Err(CliError::Usage(format!("--name: it must have 1 to {NAME_MAX} printable characters")));
    }
    if scopes.contains(&Scope::Admin) && !reach.is_unlimited() {
        return Err(CliError::Usage(
            "--scope admin: what an operator does cannot be limited to some accounts".into(),
        ));
    }
    let now = Timestamp::now();
    let expires_at = life.and_then(|life| now.checked_add(SignedDuration::try_from(life).ok()?).ok());
    let (id, key) = (Uuid::now_v7(), ApiKey::new(&random::bytes::<32>()));
    let opens = format!("{} for {}", words(&scopes), limits(&reach));
    let record = ApiKeyRecord {
        id,
        name,
        hash: key.hash(),
        scopes,
        reach,
        created_at: now,
        expires_at,
        revoked_at: None,
        used_at: None,
    };
    storage.put_api_key(record).await?;
    note_act(storage, "api_key.created", &format!("key {id}"), Some(opens)).await?;
    match format {
        Format::Table => {
            output::line(key.expose())?;
            output::note(format!("key {id}: keep it now, it is not shown again"))
        }
        Format::Json | Format::Ndjson => output::json(&Created { id, key: key.expose() }, format),
    }
}

pub(super) async fn audit(global: &Global, reads: Option<&str>, limit: usize) -> Result<(), CliError> {
    let storage = open_storage(&load_for_storage(global)?).await?;
    let Some(age) = reads else {
        let entries: Vec<Entry> = storage.audit(None, limit).await?.into_iter().map(Entry::from).collect();
        return output::list(
            &entries,
            global.output,
            ["at", "who", "from", "act", "on", "detail"],
            |entry| {
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                let Entry { at, actor, address, act, subject, detail, .. } = entry;
                [at.clone(), actor.clone(), text(address), act.clone(), text(subject), text(detail)]
            },
        );
    };
    let since = Timestamp::now() - SignedDuration::try_from(duration(age)?).unwrap_or(SignedDuration::MAX);
    let reads: Vec<Reads> = storage.token_reads(since, limit).await?.into_iter().map(Reads::from).collect();
    output::list(&reads, global.output, ["minute", "key", "token of", "reads"], |read| {
        [read.minute.clone(), read.api_key.to_string(), read.stream.clone(), read.count.to_string()]
    })
}

/// An entry of the audit trail.
#[derive(Serialize)]
struct Entry {
    id: Uuid,
    at: String,
    actor: String,
    address: Option<String>,
    act: String,
    subject: Option<String>,
    detail: Option<String>,
}

impl From<AuditEntry> for Entry {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { id, recorded_at, actor, address, act, subject, detail } = entry;
        Self { id, at: format_time(recorded_at), actor, address, act, subject, detail }
    }
}

/// Reads of a token.
#[derive(Serialize)]
struct Reads {
    minute: String,
    api_key: Uuid,
    stream: String,
    count: u64,
}

impl From<TokenReads> for Reads {
    fn from(reads: TokenReads) -> Self {
        let TokenReads { minute, api_key, stream, count } = reads;
        Self { minute: format_time(minute), api_key, stream: stream.to_string(), count }
    }
}

fn shown(key: ApiKeyRecord, now: Timestamp) -> Shown {
    let state = match (key.revoked_at, key.is_active(now)) {
        (Some(_), _) => "revoked",
        (None, false) => "expired",
        (None, true) => "active",
    };
    Shown {
        id: key.id,
        name: key.name,
        scopes: key.scopes,
        reach: key.reach,
        state,
        created_at: format_time(key.created_at),
        expires_at: key.expires_at.map(format_time),
        used_at: key.used_at.map(format_time),
    }
}

fn limits(reach: &Reach) -> String {
    let mut limits = Vec::new();
    limits.extend(reach.components.iter().flatten().map(ToString::to_string));
    limits.extend(reach.authorizers.iter().flatten().map(ToString::to_string));
    if limits.is_empty() { "all".to_owned() } else { limits.join(" ") }
}

fn words(scopes: &BTreeSet<Scope>) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
}

pub(super) fn duration(text: &str) -> Result<Duration, CliError> {
    let seconds = || text.parse().ok().filter(|seconds| *seconds > 0).map(Duration::from_secs);
    parse_duration(text)
        .or_else(seconds)
        .ok_or_else(|| CliError::Usage(format!("{text}: a time such as 24h or 90d, or seconds, is expected")))
}
