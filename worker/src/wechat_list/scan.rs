//! One scan of a component's list at a time, over all workers, for all who look for an authorizer in it.
//!
//! The scan runs beside the tasks, because it may take minutes and an attempt at a task holds one of few places. A task asks the
//! board; if the answer is not there in a moment it is put off until about when it will be.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesOrdered};
use jiff::{SignedDuration, Timestamp};
use mandate_runtime::{jitter::full_jitter, stop::Stop};
use mandate_schema::{AuthorizerId, ComponentId, StreamName};
use mandate_storage::Storage;
use mandate_wechat::api::{Api, AuthorizerListReply, ListedAuthorizer};
use tokio::{
    sync::{Notify, Semaphore},
    time::{Instant, timeout_at},
};

use super::{
    Pace,
    board::{Asked, Board, Listing},
};
use crate::{Core, call::Uncalled, fold, lead::Lead, tasks::Failure};

/// Pages read in a minute at most; `[reconcile] calls_per_minute` does not count them.
const PAGES_PER_MINUTE: u32 = 1_200;
/// Pages under way at once, so that the pace does not depend on how long an answer takes.
const AT_ONCE: usize = 4;
/// Entries that a page adds to what was seen.
const PAGE_STEP: u64 = 490;
/// Tasks that wait for the scan in their place among those under way, and how long. The others are put off at once.
const SEATS: usize = 8;
const IN_SEAT: Duration = Duration::from_secs(5);
/// How long a task is put off at least and at most, apart from jitter.
const PUT_OFF: [Duration; 2] = [Duration::from_secs(1), Duration::from_mins(1)];
/// How far tasks are spread that were put off.
const SPREAD: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];
/// The same while another worker scans.
const HOP: Duration = Duration::from_secs(4);
/// While entries of the list cannot be read, whoever is not found looks again after this.
const LOOK_AGAIN: Duration = Duration::from_mins(15);
/// After how long another worker takes over from one that died.
const LEAD: SignedDuration = SignedDuration::from_secs(10);
/// How often it is tried while another worker scans, and how long this one leaves the lead to others after its rounds.
const TRY_AGAIN: Duration = Duration::from_secs(1);
const YIELD: Duration = Duration::from_secs(3);
/// Rounds that a worker makes while others may wait for theirs.
const ROUNDS: u64 = 2;
/// First and longest wait after a page that could not be read.
const BACKOFF: [Duration; 2] = [Duration::from_secs(1), Duration::from_mins(1)];

/// The scans of a worker, one for each component.
pub(crate) struct ListScans {
    desks: HashMap<ComponentId, Desk>,
    seats: Semaphore,
}

/// Where the askers and the scan of one component meet.
#[derive(Default)]
struct Desk {
    board: Mutex<Board>,
    /// Rung when somebody asks.
    asked: Notify,
    /// Rung when there are answers, or none are to be expected soon.
    answered: Notify,
    /// Another worker scans this list.
    is_elsewhere: AtomicBool,
}

impl ListScans {
    /// The scans of these components; nothing is read yet.
    pub(crate) fn new(components: &[ComponentId]) -> Self {
        let desks = components.iter().map(|component| (component.clone(), Desk::default())).collect();
        Self { desks, seats: Semaphore::new(SEATS) }
    }
}

impl Desk {
    fn board(&self) -> MutexGuard<'_, Board> {
        // A panic of another holder would be a defect of its own; the values are still whole.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for an answer until the deadline, or until another worker turns out to scan.
    async fn answer(
        &self,
        authorizer: &AuthorizerId,
        newer_than: Timestamp,
        deadline: Instant,
    ) -> Result<Listing, PutOff> {
        loop {
            let answered = self.answered.notified();
            tokio::pin!(answered);
            answered.as_mut().enable(); // before the board is looked at, so that nothing is missed
            let places = match self.board().ask(authorizer, newer_than, Timestamp::now()) {
                Asked::Answered(listing) => return Ok(listing),
                Asked::Full => return Err(PutOff::Full),
                Asked::Waits { places } => places,
            };
            self.asked.notify_one();
            if self.is_elsewhere.load(Ordering::Relaxed) {
                return Err(PutOff::Elsewhere);
            }
            if timeout_at(deadline, answered).await.is_err() {
                return Err(PutOff::For { places });
            }
        }
    }
}

/// Why there is no answer yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PutOff {
    /// So many places of the list are still to be read.
    For { places: u64 },
    /// Another worker scans.
    Elsewhere,
    /// Too many are looked for.
    Full,
}

impl PutOff {
    fn into_failure(self, attempt: u32) -> Failure {
        let [least, most] = PUT_OFF;
        let [base, cap] = SPREAD;
        let spread = full_jitter(base, cap, attempt.saturating_sub(1).min(16));
        let (wait, detail) = match self {
            Self::For { places } => {
                let pages = u32::try_from(places / PAGE_STEP + 1).unwrap_or(u32::MAX);
                let wait = (Duration::from_mins(1) / PAGES_PER_MINUTE).saturating_mul(pages);
                (wait, format!("WeChat's list is being read; {places} places are left"))
            }
            // Soon again, as often as it takes: the other worker may be the one that claims the task then.
            Self::Elsewhere => {
                let after = least + full_jitter(HOP, HOP, 0);
                let detail = "another worker reads WeChat's list".to_owned();
                return Failure::Again { after, reason: "list_scan", detail };
            }
            Self::Full => (most, "too many authorizers are looked for in WeChat's list".to_owned()),
        };
        Failure::Again { after: wait.clamp(least, most) + spread, reason: "list_scan", detail }
    }
}

impl<S: Storage> Core<S> {
    /// Looks an authorizer up in `WeChat`'s list, by the one scan for all who wait. `None`: the whole list was read after the
    /// authorizer's last event, and does not name it.
    ///
    /// # Errors
    ///
    /// [`Failure::Again`]: the scan has not come so far, or an entry that cannot be read may be the one. Ask again then: what
    /// the scan finds meanwhile is kept for some minutes.
    pub(crate) async fn find_listed(
        &self,
        component: &ComponentId,
        authorizer: &AuthorizerId,
        attempt: u32,
    ) -> Result<Option<ListedAuthorizer>, Failure> {
        let Some(desk) = self.list_scans.desks.get(component) else {
            let detail = format!("component {component} is not configured here");
            return Err(Failure::Again { after: LOOK_AGAIN, reason: "no_component", detail });
        };
        let stream = StreamName::Authorizer(component.clone(), authorizer.clone());
        let snapshot = fold::load(&self.storage, &self.vault, &stream).await;
        let snapshot = snapshot.map_err(|error| Failure::of_read(&error, attempt))?;
        let newer_than =
            snapshot.state.authorizer().map_or(Timestamp::UNIX_EPOCH, |authorizer| authorizer.updated_at);
        let seat = self.list_scans.seats.try_acquire();
        let patience = if seat.is_ok() { IN_SEAT } else { Duration::ZERO };
        match desk.answer(authorizer, newer_than, Instant::now() + patience).await {
            Ok(Listing::Found(listed)) => Ok(Some(listed)),
            Ok(Listing::NotFound) => Ok(None),
            Ok(Listing::Refused(refusal)) => Err(Failure::Refused(refusal)),
            Ok(Listing::Unknown) => Err(Failure::Again {
                after: LOOK_AGAIN + full_jitter(LOOK_AGAIN, LOOK_AGAIN, 0),
                reason: "list_unreadable",
                detail: "entries of WeChat's list cannot be read, and no other names the authorizer"
                    .to_owned(),
            }),
            Err(put_off) => Err(put_off.into_failure(attempt)),
        }
    }

    /// Scans a component's list whenever somebody waits for it, until the process stops.
    pub(crate) async fn scan_list(self: Arc<Self>, component: ComponentId, stop: Stop) {
        let Some(desk) = self.list_scans.desks.get(&component) else { return };
        let mut scan = Scan::new(&self, &component, desk);
        loop {
            tokio::select! {
                biased;
                () = stop.requested() => break,
                wait = scan.step() => match wait {
                    Wait::No => {}
                    Wait::For(wait) => tokio::select! {
                        () = stop.requested() => break,
                        () = tokio::time::sleep(wait) => {}
                    },
                    Wait::UntilAsked => tokio::select! {
                        () = stop.requested() => break,
                        () = desk.asked.notified() => {}
                    },
                },
            }
        }
        scan.lead.resign(&self.storage).await;
    }
}

/// What comes before the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    No,
    For(Duration),
    UntilAsked,
}

/// A scan under way.
struct Scan<'a, S> {
    core: &'a Core<S>,
    component: &'a ComponentId,
    desk: &'a Desk,
    lead: Lead,
    pace: Pace,
    /// The next page, and some behind it where they begin if none of them is short.
    under_way: FuturesOrdered<BoxFuture<'a, Read>>,
    /// Where the page behind those under way begins.
    ahead: u64,
    /// Times in a row that the next page could not be read.
    failures: u32,
    /// Since when this worker scans, and what it has read.
    turn: Option<Turn>,
}

/// A page that was read, or not.
struct Read {
    offset: u64,
    called_at: Timestamp,
    page: Result<AuthorizerListReply, Uncalled>,
}

/// From the first who waits to the last who is answered, or until the lead is given up.
struct Turn {
    began: Instant,
    rounds_before: u64,
    pages: u64,
}

impl<'a, S: Storage> Scan<'a, S> {
    fn new(core: &'a Core<S>, component: &'a ComponentId, desk: &'a Desk) -> Self {
        Self {
            core,
            component,
            desk,
            lead: Lead::new(format!("list_scan/{component}"), LEAD),
            pace: Pace::new(PAGES_PER_MINUTE),
            under_way: FuturesOrdered::new(),
            ahead: 0,
            failures: 0,
            turn: None,
        }
    }

    /// Reads the next page, if somebody waits and no other worker scans.
    async fn step(&mut self) -> Wait {
        let next = self.desk.board().next(Timestamp::now());
        let Some(offset) = next else {
            self.desk.is_elsewhere.store(false, Ordering::Relaxed);
            self.end_turn().await;
            return Wait::UntilAsked;
        };
        match self.lead.hold(&self.core.storage).await {
            Ok(leads) => self.desk.is_elsewhere.store(!leads, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!(component = %self.component, %error, "the scan of WeChat's list waits for the store");
                return Wait::For(TRY_AGAIN);
            }
        }
        if self.desk.is_elsewhere.load(Ordering::Relaxed) {
            self.turn = None;
            self.under_way = FuturesOrdered::new();
            self.desk.answered.notify_waiters();
            return Wait::For(TRY_AGAIN);
        }
        let turn = self.turn.get_or_insert_with(|| Turn {
            began: Instant::now(),
            rounds_before: self.desk.board().rounds(),
            pages: 0,
        });
        if self.desk.board().rounds() >= turn.rounds_before + ROUNDS {
            self.end_turn().await;
            return Wait::For(YIELD);
        }
        self.call_ahead(offset).await;
        match self.under_way.next().await {
            Some(read) if read.offset == offset => self.take(read),
            // The list is not as long as it says, or a page was short.
            Some(_) | None => {
                self.under_way = FuturesOrdered::new();
                Wait::No
            }
        }
    }

    /// Asks for the page at the offset and those behind it, as many as may be under way.
    async fn call_ahead(&mut self, offset: u64) {
        if self.under_way.is_empty() {
            self.ahead = offset;
        } else if self.failures > 0 {
            self.pace.turn().await;
            self.under_way.push_front(self.page(offset));
        }
        let end = self.desk.board().total();
        while self.under_way.len() < AT_ONCE && (self.under_way.is_empty() || self.ahead < end) {
            self.pace.turn().await;
            self.under_way.push_back(self.page(self.ahead));
            self.ahead += PAGE_STEP;
        }
    }

    fn page(&self, offset: u64) -> BoxFuture<'a, Read> {
        let (core, component, called_at) = (self.core, self.component, Timestamp::now());
        Box::pin(async move { Read { offset, called_at, page: core.list_page(component, offset).await } })
    }

    fn take(&mut self, Read { offset, called_at, page }: Read) -> Wait {
        let now = Timestamp::now();
        let failure = match page {
            Ok(page) => {
                self.failures = 0;
                self.desk.board().take(page, called_at, now);
                self.turn.iter_mut().for_each(|turn| turn.pages += 1);
                self.desk.answered.notify_waiters();
                return Wait::No;
            }
            Err(Uncalled::Token(error)) => Failure::of_token(error, 1),
            Err(Uncalled::Call(error)) => Failure::of_call(Api::GetAuthorizerList, error, 1),
        };
        let (after, detail) = match failure {
            Failure::Again { after, detail, .. } | Failure::AnswerUnreadable { after, detail } => {
                (after, detail)
            }
            Failure::Unreadable(detail) => (Duration::ZERO, detail),
            Failure::Refused(refusal) => {
                tracing::error!(component = %self.component, offset, "WeChat refuses to list the authorizers: {refusal}");
                self.desk.board().refuse(&refusal, now);
                self.desk.answered.notify_waiters();
                return Wait::No;
            }
        };
        let [first, longest] = BACKOFF;
        let after = (after + first + full_jitter(first, longest, self.failures.min(16))).min(longest);
        self.failures += 1;
        tracing::warn!(component = %self.component, offset, after_seconds = after.as_secs_f64(),
            "a page of WeChat's list is read again: {detail}");
        Wait::For(after)
    }

    /// Gives the lead up.
    async fn end_turn(&mut self) {
        self.under_way = FuturesOrdered::new();
        let Some(turn) = self.turn.take() else { return };
        self.lead.resign(&self.core.storage).await;
        tracing::info!(component = %self.component, pages = turn.pages, seconds = turn.began.elapsed().as_secs_f64(),
            "WeChat's list of authorizers was scanned: {} pages", turn.pages);
    }
}
