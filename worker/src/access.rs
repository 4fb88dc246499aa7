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
use mandate_runtime::{
    stop::Stop,
    strangers::{REQUEST_SHOWN, excerpt},
    throttle::Throttle,
};
use mandate_schema::{ApiKey, ApiKeyRecord, AuthorizerId, ComponentId, Reach, Scope, StreamName};
use mandate_storage::{AuditEntry, StorageError, Store, TokenReads};
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
/// Refusals of callers that nobody knows, whatever their addresses, that are kept in the trail one after the other, and then how
/// many in a second: 9,000 a day, which is about a gigabyte in 400 days.
const UNKNOWN: f64 = 100.0;
const UNKNOWN_PER_SECOND: f64 = 0.1;
/// Entries that wait to be written at most; beyond that, acts are still logged.
const WAITING_MAX: usize = 10_000;

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The key; `None`: somebody on this machine, while no key was ever made.
    pub key: Option<Uuid>,
    /// The key's name.
    pub name: String,
    scopes: HashSet<Scope>,
    /// For whom the key is good.
    pub reach: Reach,
    expires_at: Option<Timestamp>,
}

impl Caller {
    /// Somebody on this machine, who may do everything while no key was ever made.
    pub fn local() -> Self {
        let name = "this machine".to_owned();
        Self { key: None, name, scopes: Scope::ALL.into(), reach: Reach::default(), expires_at: None }
    }

    /// Whether the key opens this.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether the key is good for a component, or for one account of it.
    pub fn covers(&self, component: &ComponentId, authorizer: Option<&AuthorizerId>) -> bool {
        self.reach.covers(component, authorizer)
    }

    fn is_active(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| at > now)
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
pub struct Access {
    storage: Store,
    known: Mutex<HashMap<[u8; 32], Known>>,
    open: Mutex<Option<(Instant, bool)>>,
    waiting: Mutex<Waiting>,
    throttle: Mutex<Throttle>,
    unknown: Mutex<Throttle>,
}

/// What a hash is, and when it was looked up.
#[derive(Clone)]
struct Known {
    read_at: Instant,
    caller: Option<Arc<Caller>>,
}

/// What is to be written.
#[derive(Default)]
struct Waiting {
    keys: HashSet<Uuid>,
    reads: HashMap<(Uuid, StreamName, Timestamp), u64>,
    entries: Vec<AuditEntry>,
}

impl Access {
    /// Access by the keys in `storage`.
    pub fn new(storage: Store) -> Self {
        let (known, open) = (Mutex::default(), Mutex::default());
        Self {
            storage,
            known,
            open,
            waiting: Mutex::default(),
            throttle: Mutex::new(Throttle::new(REFUSALS, REFUSALS_PER_SECOND)),
            unknown: Mutex::new(Throttle::new(UNKNOWN, UNKNOWN_PER_SECOND)),
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
        let known = lock(&self.known).get(&hash).filter(|known| known.read_at.elapsed() < KNOWN_FOR).cloned();
        let caller = match known {
            Some(known) => known.caller,
            None => self.look_up(hash).await?,
        };
        let caller = caller.filter(|caller| caller.is_active(Timestamp::now()));
        if let Some(key) = caller.as_ref().and_then(|caller| caller.key) {
            lock(&self.waiting).keys.insert(key);
        }
        Ok(caller)
    }

    /// The same without believing what is remembered.
    ///
    /// # Errors
    ///
    /// [`StorageError`].
    pub async fn authenticate_anew(&self, key: &str) -> Result<Option<Arc<Caller>>, StorageError> {
        let Ok(key) = ApiKey::parse(key) else { return Ok(None) };
        self.look_up(key.hash()).await
    }

    async fn look_up(&self, hash: [u8; 32]) -> Result<Option<Arc<Caller>>, StorageError> {
        let read_at = Instant::now();
        let record = self.storage.api_key(hash).await?.filter(|key| key.is_active(Timestamp::now()));
        let caller = record.map(|record| {
            let ApiKeyRecord { id, name, scopes, reach, expires_at, .. } = record;
            Arc::new(Caller { key: Some(id), name, scopes: scopes.into_iter().collect(), reach, expires_at })
        });
        let mut known = lock(&self.known);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(hash, Known { read_at, caller: caller.clone() });
        Ok(caller)
    }

    /// Whether no key was ever made, so that whoever is on this machine may ask. Once there was one, whatever became of it, nobody
    /// may without.
    ///
    /// # Errors
    ///
    /// [`StorageError`].
    pub async fn is_open(&self) -> Result<bool, StorageError> {
        let known = *lock(&self.open);
        match known {
            Some((_, false)) => Ok(false),
            Some((at, true)) if at.elapsed() < KNOWN_FOR => Ok(true),
            Some(_) | None => self.is_open_now().await,
        }
    }

    /// The same without believing what is remembered.
    ///
    /// # Errors
    ///
    /// [`StorageError`].
    pub async fn is_open_now(&self) -> Result<bool, StorageError> {
        let read_at = Instant::now();
        let open = !self.storage.had_api_keys().await?;
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

    /// Notes a refusal, unless there were too many from this address: then its caller has to wait so long. Of callers that nobody
    /// knows (`None`) not all refusals are kept, however many addresses they have.
    pub fn note_refusal(
        &self,
        caller: Option<&Caller>,
        address: Option<IpAddr>,
        request: &str,
        why: &str,
    ) -> Option<Duration> {
        let now = Instant::now();
        let before = match lock(&self.throttle).take(address, now) {
            Ok(before) => before,
            Err(wait) => return Some(wait),
        };
        let (actor, unkept) = match caller {
            Some(caller) => (caller.actor(), 0),
            None => match lock(&self.unknown).take(None, now) {
                Ok(unkept) => ("nobody known".to_owned(), unkept),
                Err(_) => return None,
            },
        };
        let more = match before + unkept {
            0 => why.to_owned(),
            more => format!("{why}; {more} more were refused before"),
        };
        self.note_act(&actor, address, "request.refused", &excerpt(request, REQUEST_SHOWN), Some(more));
        None
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

    /// Writes what is gathered.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; it stays gathered.
    pub async fn write(&self) -> Result<(), StorageError> {
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
