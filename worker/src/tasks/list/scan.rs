//! One scan of a component's list at a time, over all workers, for all who look for an authorizer in it.
//!
//! The scan runs beside the tasks, because it may take minutes and an attempt at a task holds one of few places. A task asks the
//! board; if the answer is not there in a moment it is put off until about when it will be.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesOrdered};
use jiff::Timestamp;
use mandate_domain::{Authorizer, TOLERANCE};
use mandate_runtime::{jitter::full_jitter, stop::Stop};
use mandate_schema::{AuthorizerId, ComponentId, StreamName};

use mandate_wechat::api::{Api, AuthorizerListReply, ListedAuthorizer};
use tokio::{
    sync::{Notify, Semaphore},
    time::{Instant, timeout, timeout_at},
};

use super::{
    Lists, Pace,
    board::{Board, BoardAnswer, ListPause, Listing, SECOND_LOOK},
};
use crate::{lease::Lease, tasks::Failure, tokens::Uncalled, wechat::retry::wait_after};

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
/// A component that is not configured may be so later.
const LOOK_AGAIN: Duration = Duration::from_mins(15);
/// After how long another worker takes over from one that died.
const LEAD: Duration = Duration::from_secs(10);
/// How often the lead is looked at while there is nothing else to do.
const LOOK_AT_LEAD: Duration = Duration::from_secs(1);
/// How long the scan sleeps if it is not asked.
const IDLE: Duration = Duration::from_hours(1);
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
    /// Rung with each question.
    asked: Notify,
    /// Rung when there are answers, or none are to be expected soon.
    answered: Notify,
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

    /// Waits so long for an answer; not at all while another worker scans, or a pause is longer than that.
    async fn answer(
        &self,
        authorizer: &AuthorizerId,
        newer_than: Timestamp,
        patience: Duration,
    ) -> Result<Listing, PutOff> {
        let (deadline, until) = (Instant::now() + patience, Timestamp::now() + patience);
        loop {
            let answered = self.answered.notified();
            tokio::pin!(answered);
            answered.as_mut().enable(); // before the board is looked at, so that nothing is missed
            let asked = self.board().ask(authorizer, newer_than, Timestamp::now());
            let put_off = match asked {
                BoardAnswer::Answered(listing) => return Ok(listing),
                BoardAnswer::Full => return Err(PutOff::Full),
                BoardAnswer::Elsewhere => return Err(PutOff::Elsewhere),
                BoardAnswer::Paused(pause) => PutOff::Paused(pause),
                BoardAnswer::Waits { places } => PutOff::For { places },
            };
            self.asked.notify_one();
            let is_long = matches!(&put_off, PutOff::Paused(pause) if pause.not_before > until);
            if is_long || timeout_at(deadline, answered).await.is_err() {
                return Err(put_off);
            }
        }
    }
}

/// Why there is no answer yet.
#[derive(Debug, PartialEq, Eq)]
enum PutOff {
    /// So many places of the list are still to be read.
    For { places: u64 },
    /// The list is not read just now.
    Paused(ListPause),
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
            Self::Paused(ListPause { not_before, reason, detail }) => {
                let wait = Duration::try_from(not_before.duration_since(Timestamp::now()));
                return Failure::Again { after: wait.unwrap_or_default() + spread, reason, detail };
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

impl Lists {
    /// Looks an authorizer up in `WeChat`'s list, by the one scan for all who wait. `None`: the whole list was read after the
    /// authorizer's last event, and does not name it.
    ///
    /// # Errors
    ///
    /// [`Failure::Again`]: the scan has not come so far, the list is refused, or an entry that cannot be read may be the one. Ask
    /// again then: what the scan finds is kept for some minutes. Never [`Failure::Refused`], since that would be about the
    /// authorizer.
    pub(crate) async fn find(
        &self,
        component: &ComponentId,
        authorizer: &AuthorizerId,
        attempt: u32,
    ) -> Result<Option<ListedAuthorizer>, Failure> {
        let Some(desk) = self.scans.desks.get(component) else {
            let detail = format!("component {component} is not configured here");
            return Err(Failure::Again { after: LOOK_AGAIN, reason: "no_component", detail });
        };
        let stream = StreamName::Authorizer(component.clone(), authorizer.clone());
        let snapshot = self.tokens.log.read(&stream).await;
        let snapshot = snapshot.map_err(|error| Failure::of_read(&error, attempt))?;
        let newer_than = newer_than(snapshot.state.authorizer(), Timestamp::now());
        let seat = self.scans.seats.try_acquire();
        let patience = if seat.is_ok() { IN_SEAT } else { Duration::ZERO };
        match desk.answer(authorizer, newer_than, patience).await {
            Ok(Listing::Found(listed)) => Ok(Some(listed)),
            Ok(Listing::NotFound) => Ok(None),
            Ok(Listing::Unknown) => Err(unknown()),
            Err(put_off) => Err(put_off.into_failure(attempt)),
        }
    }

    /// Scans a component's list whenever there are waiters, until the process stops.
    pub(crate) async fn scan(&self, component: &ComponentId, stop: &Stop) {
        let Some(desk) = self.scans.desks.get(component) else { return };
        let mut scan = Scan::new(self, component, desk);
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
                    Wait::UntilAsked { at_most } => tokio::select! {
                        () = stop.requested() => break,
                        _ = timeout(at_most, desk.asked.notified()) => {}
                    },
                },
            }
        }
        scan.lead.give_back(&self.tokens.log.storage).await;
    }
}

/// What the list said before this is no answer: it may be older than the authorizer's last event, or than the end of the time in
/// which its newest fact may be contradicted by an older answer.
fn newer_than(state: Option<&Authorizer>, now: Timestamp) -> Timestamp {
    let Some(state) = state else { return Timestamp::UNIX_EPOCH };
    let settled_at = state.happened_by.and_then(|by| by.checked_add(TOLERANCE).ok());
    settled_at.filter(|at| *at <= now).map_or(state.updated_at, |at| at.max(state.updated_at))
}

/// While entries of the list cannot be read, an authorizer that was not found is looked for once more.
fn unknown() -> Failure {
    let after = SECOND_LOOK.unsigned_abs() + full_jitter(LOOK_AGAIN, LOOK_AGAIN, 0);
    let detail = "entries of WeChat's list cannot be read, and no other names the authorizer".to_owned();
    Failure::Again { after, reason: "list_unreadable", detail }
}

/// What comes before the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    No,
    For(Duration),
    UntilAsked { at_most: Duration },
}

/// A scan under way.
struct Scan<'a> {
    lists: &'a Lists,
    component: &'a ComponentId,
    desk: &'a Desk,
    lead: Lease,
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

/// From the first waiter until the lead is given up.
struct Turn {
    began: Instant,
    last_page: Instant,
    pages: u64,
}

impl Turn {
    fn begin() -> Self {
        let now = Instant::now();
        Self { began: now, last_page: now, pages: 0 }
    }
}

impl<'a> Scan<'a> {
    fn new(lists: &'a Lists, component: &'a ComponentId, desk: &'a Desk) -> Self {
        Self {
            lists,
            component,
            desk,
            lead: Lease::new(format!("list_scan/{component}"), LEAD),
            pace: Pace::new(PAGES_PER_MINUTE),
            under_way: FuturesOrdered::new(),
            ahead: 0,
            failures: 0,
            turn: None,
        }
    }

    /// Reads the next page, if there are waiters and no other worker scans.
    async fn step(&mut self) -> Wait {
        let next = self.desk.board().next(Timestamp::now());
        let Some(offset) = next else { return self.rest().await };
        if let Err(wait) = self.hold_lead().await {
            return wait;
        }
        self.turn.get_or_insert_with(Turn::begin);
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

    /// Keeps the lead while there are answers to fetch here, then gives it up.
    async fn rest(&mut self) -> Wait {
        self.under_way = FuturesOrdered::new();
        let is_needed = self.desk.board().has_expected_answers(Timestamp::now());
        if self.turn.is_some() && is_needed {
            return match self.hold_lead().await {
                Ok(()) => Wait::UntilAsked { at_most: LOOK_AT_LEAD },
                Err(wait) => wait,
            };
        }
        self.desk.board().lead_may_be_here();
        self.end_turn().await;
        Wait::UntilAsked { at_most: IDLE }
    }

    /// Takes or prolongs the lead; else answers when to try again.
    async fn hold_lead(&mut self) -> Result<(), Wait> {
        match self.lead.hold(&self.lists.tokens.log.storage).await {
            Ok(true) => {
                self.desk.board().lead_may_be_here();
                Ok(())
            }
            Ok(false) => {
                self.turn = None;
                self.under_way = FuturesOrdered::new();
                self.desk.board().lead_is_elsewhere();
                self.desk.answered.notify_waiters();
                Err(Wait::For(LOOK_AT_LEAD))
            }
            Err(error) => {
                tracing::warn!(component = %self.component, %error, "the scan of WeChat's list waits for the store");
                Err(Wait::For(LOOK_AT_LEAD))
            }
        }
    }

    /// Asks for the page at the offset and those behind it, as many as may be under way.
    async fn call_ahead(&mut self, offset: u64) {
        if self.under_way.is_empty() {
            self.ahead = offset;
        }
        let end = self.desk.board().total();
        while self.under_way.len() < AT_ONCE && (self.under_way.is_empty() || self.ahead < end) {
            self.pace.turn().await;
            self.under_way.push_back(self.page(self.ahead));
            self.ahead += PAGE_STEP;
        }
    }

    fn page(&self, offset: u64) -> BoxFuture<'a, Read> {
        let (lists, component, called_at) = (self.lists, self.component, Timestamp::now());
        Box::pin(async move { Read { offset, called_at, page: lists.page(component, offset).await } })
    }

    fn take(&mut self, Read { offset, called_at, page }: Read) -> Wait {
        let now = Timestamp::now();
        match page {
            Ok(page) => {
                self.failures = 0;
                self.desk.board().take(page, called_at, now);
                if let Some(turn) = &mut self.turn {
                    turn.pages += 1;
                    turn.last_page = Instant::now();
                }
                self.desk.answered.notify_waiters();
                Wait::No
            }
            Err(error) => {
                // The pages ahead would time out during the pause, as if WeChat did not answer.
                self.under_way = FuturesOrdered::new();
                self.pause(offset, error, now)
            }
        }
    }

    /// Leaves the list alone for a while, and lets all waiters know.
    fn pause(&mut self, offset: u64, error: Uncalled, now: Timestamp) -> Wait {
        let [first, longest] = BACKOFF;
        let (after, reason, detail) = why_paused(error, now);
        let after = after + first + full_jitter(first, longest, self.failures.min(16));
        self.failures += 1;
        tracing::warn!(component = %self.component, offset, reason, after_seconds = after.as_secs_f64(),
            "a page of WeChat's list is read again: {detail}");
        let detail = format!("WeChat's list cannot be read: {detail}");
        self.desk.board().pause(ListPause { not_before: now + after, reason, detail });
        self.desk.answered.notify_waiters();
        Wait::For(after)
    }

    /// Gives the lead up.
    async fn end_turn(&mut self) {
        self.under_way = FuturesOrdered::new();
        let Some(Turn { began, last_page, pages }) = self.turn.take() else { return };
        self.lead.give_back(&self.lists.tokens.log.storage).await;
        let seconds = (last_page - began).as_secs_f64();
        tracing::info!(component = %self.component, pages, seconds,
            "WeChat's list of authorizers was scanned: {pages} pages");
    }
}

/// How long a failure pauses the scan, and why. None of them is about an authorizer, whatever its number.
fn why_paused(error: Uncalled, now: Timestamp) -> (Duration, &'static str, String) {
    let (failure, longest) = match error {
        // No call is made to look for a token, and a ticket may bring one at any time.
        Uncalled::Token(error) => (Failure::of_token(error, 1), BACKOFF[1]),
        Uncalled::Call(error) => (Failure::of_call(Api::GetAuthorizerList, error, 1), Duration::MAX),
    };
    let (after, reason, detail) = match failure {
        Failure::Again { after, reason, detail } => (after, reason, detail),
        Failure::AnswerUnreadable { after, detail } => (after, "answer_unreadable", detail),
        Failure::Unreadable(detail) => (Duration::ZERO, "unreadable", detail),
        Failure::Refused(refusal) => {
            (wait_after(Api::GetAuthorizerList, &refusal, now), "list_refused", refusal.to_string())
        }
    };
    (after.min(longest), reason, detail)
}
