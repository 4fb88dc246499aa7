//! The token table as one process sees it: what it knows for a moment, who asks, who refreshes.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use mandate_runtime::metrics::Metrics;
use mandate_schema::{Secret, StreamName};
use mandate_storage::{Lease, StorageError, Store, TokenRow};
use mandate_wechat::api::Api;
use tokio::time::Instant;

use super::{BESIDE_CALLS, Failed, HeldToken, TokenError, What};
use crate::{
    log::{Forget, access_token::Stored, fold::ReadError, vault::Vault},
    wechat::error::CallError,
};

/// How long what was read is believed.
const KNOWN_FOR: Duration = Duration::from_secs(1);
/// How often a waiting process looks whether another one has refreshed.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// A token is not replaced twice within this time: that the second one is refused too has another cause.
const REPLACED_ONCE_IN: Duration = Duration::from_secs(30);

/// Where a stream's token comes from.
pub(super) trait Source: Sync {
    /// The API that is called.
    const API: Api;

    /// Whether the cause of a failure has gone since.
    fn has_mended(&self, failed: &Failed) -> impl Future<Output = Result<bool, TokenError>> + Send;

    /// Whether there is something to refresh with. Called before the lease is taken.
    fn prepare(&self) -> impl Future<Output = Result<(), TokenError>> + Send;

    /// Calls `WeChat`, under the lease.
    fn refresh(&self, lease: &Lease) -> impl Future<Output = Result<Refreshed, Refusing>> + Send;
}

/// What a refresh brought.
pub(super) enum Refreshed {
    /// A token, to be stored under the lease, sealed with this data key of the stream.
    Token { token: Secret, called_at: Timestamp, expires_in: u64, key: u32 },
    /// Nothing more to do here: an append has put the token into the row, or dropped it.
    Stored,
}

/// Why a refresh brought nothing.
pub(super) enum Refusing {
    /// It failed, which every process shall know.
    Failed(What),
    /// It was not for this token: the component's was refused and has been replaced. Once more, at once.
    Again(What),
    /// It failed before `WeChat` was asked; nothing to remember.
    NotTried(TokenError),
}

impl Refusing {
    pub(super) fn of_call(error: CallError) -> Self {
        match What::of_call(error) {
            Ok(what) => Self::Failed(what),
            Err(paused) => Self::NotTried(TokenError::Paused(paused)),
        }
    }
}

impl<E: Into<TokenError>> From<E> for Refusing {
    fn from(error: E) -> Self {
        Self::NotTried(error.into())
    }
}

/// The token table.
pub(crate) struct TokenRows {
    storage: Store,
    vault: Arc<Vault>,
    metrics: Metrics,
    /// How long one refresh may hold the lease.
    lease: SignedDuration,
    local: Mutex<HashMap<StreamName, Local>>,
}

/// What this process knows of one token.
#[derive(Default)]
struct Local {
    known: Option<(Instant, Known)>,
    /// One reader at a time looks at the row or refreshes it; the others wait for what it finds.
    flight: Arc<tokio::sync::Mutex<()>>,
    /// Read since that was noted in the table.
    used: bool,
    /// When a token was last thrown away because it was refused.
    replaced_at: Option<Instant>,
}

#[derive(Clone)]
enum Known {
    Token(HeldToken),
    Failed(Failed),
}

impl Forget for TokenRows {
    /// The row has changed: read it again.
    fn forget(&self, stream: &StreamName) {
        if let Some(local) = self.local().get_mut(stream) {
            local.known = None;
        }
    }
}

impl TokenRows {
    /// The table, with calls to `WeChat` that take at most `call`.
    pub(crate) fn new(storage: Store, vault: Arc<Vault>, call: Duration, metrics: Metrics) -> Self {
        let lease = SignedDuration::try_from(call * 2 + BESIDE_CALLS).unwrap_or(SignedDuration::MAX);
        Self { storage, vault, metrics, lease, local: Mutex::default() }
    }

    /// A token with at least a minute to live, refreshed if need be.
    pub(super) async fn get(
        &self,
        stream: &StreamName,
        source: &impl Source,
    ) -> Result<HeldToken, TokenError> {
        if let Some(known) = self.known(stream) {
            return self.answer(stream, known);
        }
        let flight = self.with(stream, |local| local.flight.clone());
        let _turn = flight.lock().await;
        if let Some(known) = self.known(stream) {
            return self.answer(stream, known);
        }
        self.find(stream, source, HeldToken::is_usable).await
    }

    /// Refreshes a token that is still good but expires before `expiring`, so that nobody has to wait for it later.
    pub(super) async fn renew(
        &self,
        stream: &StreamName,
        source: &impl Source,
        expiring: Timestamp,
    ) -> Result<(), TokenError> {
        let flight = self.with(stream, |local| local.flight.clone());
        let _turn = flight.lock().await;
        let Some(row) = self.storage.token(stream).await? else { return Ok(()) };
        // Another process may have been faster.
        let Some((held, _)) = row.access.filter(|(_, expires_at)| *expires_at < expiring) else {
            return Ok(());
        };
        self.find(stream, source, |token, now| token.sealed != held && token.is_usable(now)).await.map(|_| ())
    }

    /// Looks at the row until there is a token that will do, or a failure that holds.
    async fn find(
        &self,
        stream: &StreamName,
        source: &impl Source,
        will_do: impl Fn(&HeldToken, Timestamp) -> bool,
    ) -> Result<HeldToken, TokenError> {
        let patience = Timestamp::now() + self.lease;
        let mut again = false;
        loop {
            let (read_at, now) = (Instant::now(), Timestamp::now());
            let row = self.storage.token(stream).await?;
            if let Some(token) = self.open(stream, row.as_ref()).await?
                && will_do(&token, now)
            {
                self.remember(stream, read_at, Known::Token(token.clone()));
                return self.answer(stream, Known::Token(token));
            }
            let failed = row.as_ref().and_then(|row| Failed::of_row(row, now));
            if let Some(failed) = failed
                && !source.has_mended(&failed).await?
            {
                if matches!(failed.what, What::Recovering { .. }) && now < patience {
                    // The account may have turned out to be gone meanwhile.
                    source.prepare().await?;
                    tokio::time::sleep(LOOK_AGAIN).await;
                    continue;
                }
                self.metrics.token_reads_withheld_total();
                self.remember(stream, read_at, Known::Failed(failed.clone()));
                return Err(TokenError::Failed(failed));
            }
            source.prepare().await?;
            let now = Timestamp::now();
            match self.storage.lease_token(stream, now, now + self.lease).await? {
                // Another process may have finished since the row was read.
                Some(lease) if lease.row != row.unwrap_or_default() => self.give_back(stream, &lease).await?,
                Some(lease) => again = self.refresh(stream, source, &lease, again).await?,
                None if now > patience => return Err(TokenError::Busy),
                None => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    }

    /// Ends a lease under which nothing was tried; the row says again what it said before.
    async fn give_back(&self, stream: &StreamName, lease: &Lease) -> Result<(), StorageError> {
        match &lease.row.failure {
            Some(failure) => self.storage.fail_token(stream, lease, failure.clone()).await,
            None => self.storage.release_token(stream, lease).await,
        }
    }

    /// Refreshes under the lease, and ends it; the row then says what came of it. Answers whether this was a try that may be
    /// repeated once; `again` says that it is the repetition.
    async fn refresh<T: Source>(
        &self,
        stream: &StreamName,
        source: &T,
        lease: &Lease,
        again: bool,
    ) -> Result<bool, TokenError> {
        let what = match source.refresh(lease).await {
            Ok(Refreshed::Token { token, called_at, expires_in, key }) => {
                self.store(stream, lease, (&token, expires_in, called_at), key).await?;
                self.metrics.token_refreshes_total(T::API.name(), "refreshed");
                return Ok(false);
            }
            Ok(Refreshed::Stored) => {
                self.storage.release_token(stream, lease).await?;
                self.metrics.token_refreshes_total(T::API.name(), "refreshed");
                return Ok(false);
            }
            Err(Refusing::Again(_)) if !again => {
                self.storage.release_token(stream, lease).await?;
                return Ok(true);
            }
            Err(Refusing::NotTried(error)) => {
                self.storage.release_token(stream, lease).await?;
                return Err(error);
            }
            Err(Refusing::Failed(what) | Refusing::Again(what)) => what,
        };
        let failed = Failed::now(what, T::API, lease.row.failure.as_ref(), Timestamp::now());
        tracing::warn!(%stream, failures = failed.failures, not_before = %failed.not_before,
            "the access token of {stream} was not refreshed: {failed}");
        self.metrics.token_refreshes_total(T::API.name(), "failed");
        self.storage.fail_token(stream, lease, failed.to_stored()).await?;
        Ok(false)
    }

    async fn store(
        &self,
        stream: &StreamName,
        lease: &Lease,
        (token, expires_in, called_at): (&Secret, u64, Timestamp),
        key: u32,
    ) -> Result<(), TokenError> {
        let key = self.vault.key(stream, key).await.map_err(ReadError::from)?;
        let key = key.ok_or(TokenError::Unknown)?; // erased while WeChat was asked
        let place = (stream, lease.row.generation);
        let Stored { sealed, expires_at } =
            Stored::new(&self.vault, &key, place, (token, expires_in), called_at);
        // Refused if the lease ran out or the row has changed: what stands there now is newer.
        self.storage.store_token(stream, lease, sealed, expires_at).await?;
        Ok(())
    }

    /// Throws away a token that `WeChat` no longer accepts, unless another one has replaced it already, or one was replaced
    /// just now.
    pub(super) async fn invalidate(&self, stream: &StreamName, stale: &HeldToken) -> Result<(), TokenError> {
        let flight = self.with(stream, |local| local.flight.clone());
        let _turn = flight.lock().await;
        let replaced_at = self.with(stream, |local| local.replaced_at);
        if replaced_at.is_none_or(|at| at.elapsed() > REPLACED_ONCE_IN)
            && self.storage.empty_token(stream, &stale.sealed).await?
        {
            self.with(stream, |local| local.replaced_at = Some(Instant::now()));
        }
        self.forget(stream);
        Ok(())
    }

    /// What the row holds, however little life it has. `None`: nothing.
    pub(super) async fn current(&self, stream: &StreamName) -> Result<Option<HeldToken>, TokenError> {
        let row = self.storage.token(stream).await?;
        self.open(stream, row.as_ref()).await
    }

    /// Notes in the table which tokens were read, and drops what is no longer of use.
    pub(super) async fn note_use(&self) -> Result<(), StorageError> {
        let used: Vec<StreamName> = {
            let mut local = self.local();
            let used = local
                .iter_mut()
                .filter_map(|(stream, local)| std::mem::take(&mut local.used).then(|| stream.clone()));
            let used: Vec<StreamName> = used.collect();
            local.retain(|_, local| local.is_of_use());
            used
        };
        if used.is_empty() {
            return Ok(());
        }
        self.storage.touch_tokens(used, Timestamp::now()).await
    }

    async fn open(
        &self,
        stream: &StreamName,
        row: Option<&TokenRow>,
    ) -> Result<Option<HeldToken>, TokenError> {
        let Some(TokenRow { access: Some(access), generation, .. }) = row else {
            return Ok(None);
        };
        Ok(HeldToken::open(&self.vault, stream, *generation, access).await.map_err(ReadError::from)?)
    }

    fn answer(&self, stream: &StreamName, known: Known) -> Result<HeldToken, TokenError> {
        match known {
            Known::Token(token) => {
                self.with(stream, |local| local.used = true);
                Ok(token)
            }
            Known::Failed(failed) => Err(TokenError::Failed(failed)),
        }
    }

    fn known(&self, stream: &StreamName) -> Option<Known> {
        let now = Timestamp::now();
        let local = self.local();
        let (read_at, known) = local.get(stream)?.known.as_ref()?;
        let holds = read_at.elapsed() < KNOWN_FOR
            && match known {
                Known::Token(token) => token.is_usable(now),
                Known::Failed(failed) => failed.not_before > now,
            };
        holds.then(|| known.clone())
    }

    fn remember(&self, stream: &StreamName, read_at: Instant, known: Known) {
        self.with(stream, |local| local.known = Some((read_at, known)));
    }

    fn with<T>(&self, stream: &StreamName, look: impl FnOnce(&mut Local) -> T) -> T {
        look(self.local().entry(stream.clone()).or_default())
    }

    fn local(&self) -> MutexGuard<'_, HashMap<StreamName, Local>> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Local {
    fn is_of_use(&self) -> bool {
        self.used
            || Arc::strong_count(&self.flight) > 1
            || self.known.as_ref().is_some_and(|(read_at, _)| read_at.elapsed() < KNOWN_FOR)
            || self.replaced_at.is_some_and(|at| at.elapsed() < REPLACED_ONCE_IN)
    }
}
