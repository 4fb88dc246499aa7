//! Who may ask what: keys of callers, counts of what they read, and the audit trail.
//!
//! A key is believed for a second, so that a revocation takes effect everywhere within one. Counts and entries are gathered
//! for a moment and written together; a process that is killed loses those of the last two seconds.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use mandate_runtime::{stop::Stop, throttle::Throttle};
use mandate_schema::{ApiKey, AuthorizerId, ComponentId, Reach, Scope, StreamName};
use mandate_storage::{AuditEntry, Callers, StorageError, TokenReads};
use tokio::time::Instant;
use uuid::Uuid;

/// How long a key is believed.
const KNOWN_FOR: Duration = Duration::from_secs(1);
/// Keys that are remembered at most.
const KNOWN_MAX: usize = 10_000;
/// How often counts and entries are written.
const WRITE_EVERY: Duration = Duration::from_secs(2);
/// Refusals of one address that are answered one after the other, and then how many in a second.
const REFUSALS: f64 = 20.0;
const REFUSALS_PER_SECOND: f64 = 1.0;
/// Entries that wait to be written at most; beyond that, acts are still logged.
const WAITING_MAX: usize = 10_000;

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The key; `None`: somebody on this machine, while there are no keys.
    pub key: Option<Uuid>,
    /// The key's name.
    pub name: String,
    scopes: HashSet<Scope>,
    /// For whom the key is good.
    pub reach: Reach,
}

impl Caller {
    /// Somebody on this machine, who may do everything while there are no keys.
    pub fn local() -> Self {
        let name = "this machine".to_owned();
        Self { key: None, name, scopes: Scope::ALL.into(), reach: Reach::default() }
    }

    /// Whether the key opens this.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether the key is good for a component, or for one account of it.
    pub fn covers(&self, component: &ComponentId, authorizer: Option<&AuthorizerId>) -> bool {
        self.reach.covers(component, authorizer)
    }

    /// As the audit trail names it.
    pub fn actor(&self) -> String {
        match self.key {
            Some(key) => format!("key {key} ({})", self.name),
            None => self.name.clone(),
        }
    }
}

/// Access to the API of one worker.
pub struct Access<S> {
    storage: S,
    known: Mutex<HashMap<[u8; 32], Known>>,
    open: Mutex<Option<(Instant, bool)>>,
    waiting: Mutex<Waiting>,
    throttle: Mutex<Throttle>,
}

/// When a hash was looked up, and whose key it is.
type Known = (Instant, Option<Arc<Caller>>);

/// What is to be written.
#[derive(Default)]
struct Waiting {
    keys: HashSet<Uuid>,
    reads: HashMap<(Uuid, StreamName, Timestamp), u64>,
    entries: Vec<AuditEntry>,
}

impl<S: Callers> Access<S> {
    /// Access by the keys in `storage`.
    pub fn new(storage: S) -> Self {
        let (known, open) = (Mutex::default(), Mutex::default());
        Self {
            storage,
            known,
            open,
            waiting: Mutex::default(),
            throttle: Mutex::new(Throttle::new(REFUSALS, REFUSALS_PER_SECOND)),
        }
    }

    /// The caller with this key; `None`: there is no such key, or it opens nothing any more.
    ///
    /// # Errors
    ///
    /// [`StorageError`].
    pub async fn authenticate(&self, key: &str) -> Result<Option<Arc<Caller>>, StorageError> {
        let Ok(key) = ApiKey::parse(key) else { return Ok(None) };
        let hash = key.hash();
        let known = lock(&self.known).get(&hash).filter(|(at, _)| at.elapsed() < KNOWN_FOR).cloned();
        let caller = if let Some((_, caller)) = known {
            caller
        } else {
            let read_at = Instant::now();
            let record = self.storage.api_key(hash).await?.filter(|key| key.is_active(Timestamp::now()));
            let caller = record.map(|record| {
                let scopes = record.scopes.into_iter().collect();
                Arc::new(Caller { key: Some(record.id), name: record.name, scopes, reach: record.reach })
            });
            let mut known = lock(&self.known);
            if known.len() >= KNOWN_MAX {
                known.clear();
            }
            known.insert(hash, (read_at, caller.clone()));
            caller
        };
        if let Some(key) = caller.as_ref().and_then(|caller| caller.key) {
            lock(&self.waiting).keys.insert(key);
        }
        Ok(caller)
    }

    /// Whether there is no key at all, so that whoever is on this machine may ask.
    ///
    /// # Errors
    ///
    /// [`StorageError`].
    pub async fn is_open(&self) -> Result<bool, StorageError> {
        let known = *lock(&self.open);
        if let Some((_, open)) = known.filter(|(at, _)| at.elapsed() < KNOWN_FOR) {
            return Ok(open);
        }
        let read_at = Instant::now();
        let open = !self.storage.has_api_keys(Timestamp::now()).await?;
        *lock(&self.open) = Some((read_at, open));
        Ok(open)
    }

    /// Counts a token that was read.
    pub fn note_read(&self, caller: &Caller, stream: &StreamName) {
        let Some(key) = caller.key else { return };
        let seconds = Timestamp::now().as_second();
        let minute =
            Timestamp::from_second(seconds - seconds.rem_euclid(60)).unwrap_or(Timestamp::UNIX_EPOCH);
        *lock(&self.waiting).reads.entry((key, stream.clone(), minute)).or_default() += 1;
    }

    /// Notes an act in the audit trail.
    pub fn note_act(
        &self,
        actor: &str,
        address: Option<IpAddr>,
        act: &str,
        subject: &str,
        detail: Option<String>,
    ) {
        let mut waiting = lock(&self.waiting);
        if waiting.entries.len() < WAITING_MAX {
            waiting.entries.push(entry(actor, address, act, Some(subject), detail));
        }
    }

    /// Notes a refusal, unless there were too many from this address: then its caller has to wait so long.
    pub fn note_refusal(
        &self,
        actor: &str,
        address: Option<IpAddr>,
        request: &str,
        why: &str,
    ) -> Option<Duration> {
        let verdict = lock(&self.throttle).take(address, Instant::now());
        match verdict {
            Ok(suppressed) => {
                let more = match suppressed {
                    0 => why.to_owned(),
                    more => format!("{why}; {more} more were refused before"),
                };
                self.note_act(actor, address, "request.refused", request, Some(more));
                None
            }
            Err(wait) => Some(wait),
        }
    }

    /// Writes what is gathered, again and again until the process stops, and then once more.
    pub(crate) async fn keep_trail(&self, stop: &Stop) {
        loop {
            let stopping = tokio::select! {
                () = stop.requested() => true,
                () = tokio::time::sleep(WRITE_EVERY) => false,
            };
            if let Err(error) = self.write().await {
                tracing::warn!(%error, "the audit trail could not be written; it is tried again");
            }
            if stopping {
                return;
            }
        }
    }

    async fn write(&self) -> Result<(), StorageError> {
        let Waiting { keys, reads, entries } = std::mem::take(&mut *lock(&self.waiting));
        let put_back =
            |entries: Vec<AuditEntry>| lock(&self.waiting).entries.splice(0..0, entries).for_each(drop);
        if !entries.is_empty()
            && let Err(error) = self.storage.put_audit(entries.clone()).await
        {
            put_back(entries);
            self.add_back(keys, reads);
            return Err(error);
        }
        if keys.is_empty() && reads.is_empty() {
            return Ok(());
        }
        let counts = reads.iter().map(|((api_key, stream, minute), count)| TokenReads {
            minute: *minute,
            api_key: *api_key,
            stream: stream.clone(),
            count: *count,
        });
        let noted =
            self.storage.note_use(keys.iter().copied().collect(), counts.collect(), Timestamp::now()).await;
        noted.inspect_err(|_| self.add_back(keys, reads))
    }

    fn add_back(&self, keys: HashSet<Uuid>, reads: HashMap<(Uuid, StreamName, Timestamp), u64>) {
        let mut waiting = lock(&self.waiting);
        waiting.keys.extend(keys);
        for (place, count) in reads {
            *waiting.reads.entry(place).or_default() += count;
        }
    }
}

/// An entry of the audit trail, of now.
pub fn entry(
    actor: &str,
    address: Option<IpAddr>,
    act: &str,
    subject: Option<&str>,
    detail: Option<String>,
) -> AuditEntry {
    AuditEntry {
        id: Uuid::now_v7(),
        recorded_at: Timestamp::now(),
        actor: actor.to_owned(),
        address: address.map(|address| address.to_string()),
        act: act.to_owned(),
        subject: subject.map(str::to_owned),
        detail,
    }
}

/// Until when the audit trail is kept, seen from now.
pub(crate) fn kept_since(now: Timestamp, days: u32) -> Option<Timestamp> {
    now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
