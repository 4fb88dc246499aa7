//! Our side for one authorizer: callbacks are decided as they come, tasks call `WeChat` and are decided later.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use mandate_schema::{CodeDigest, Event, GrantedVia, SealedAt, Secret, Version};
use mandate_wechat::callback::Info;

use super::{
    truths::{Known, check_stale, check_token, check_unclear},
    wechat::{Authorization, Refreshed, WeChat},
};
use crate::{
    AboutCode, Authorizer, Because, Decision, Inspected, Inspection, NewEvent, Question, Recorded, Redeem,
    RedeemTask, Redeemed, Since, Status, Task, Times, decide_authorizer_callback, decide_inspected,
    decide_redeemed, decide_redemption_refused, decide_refreshed,
    tests::{
        samples::{access_token, code_refused, component, merchant_stream},
        sealing::{FORM, open, seal},
    },
};

/// A task that is due at some time.
#[derive(Clone, Debug)]
struct Waiting {
    task: Task,
    queued_at: i64,
    due: i64,
}

/// A task under way.
#[derive(Debug)]
struct Call {
    waiting: Waiting,
    /// Events in the log when it began.
    head: usize,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    /// What it says, and which authorization that is.
    Redemption(Option<(u32, Redeemed)>),
    /// What it has learned so far.
    Inspection(Box<Inspection>),
}

/// A refresh whose answer is on its way.
#[derive(Debug)]
struct Refresh {
    used: SealedAt,
    with: String,
    answer: Refreshed,
}

/// The task that redeems a code: one for each.
#[derive(Debug)]
struct RedeemRow {
    authorizer_known: bool,
    ended: bool,
}

/// The service.
#[derive(Debug, Default)]
pub(super) struct Service {
    history: Vec<Event>,
    state: Option<Authorizer>,
    waiting: Vec<Waiting>,
    calls: Vec<Call>,
    refreshes: Vec<Refresh>,
    redemptions: HashMap<CodeDigest, RedeemRow>,
    known: Known,
    /// The authorizations whose credentials a redemption brought, none also counts.
    pub(super) redeemed: HashSet<u32>,
}

impl Service {
    pub(super) fn seen(&self) -> Option<&Authorizer> {
        self.state.as_ref()
    }

    pub(super) fn history(&self) -> &[Event] {
        &self.history
    }

    /// The refresh token that the state holds, opened at the place that the state remembers.
    pub(super) fn refresh_token(&self) -> Option<String> {
        self.seen()?.refresh_token.as_ref().map(|sealed| open(&merchant_stream(), sealed))
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.calls.is_empty() && self.refreshes.is_empty()
    }

    /// When the next task is due, if nothing is under way.
    pub(super) fn next_due(&self) -> Option<i64> {
        let under_way = !self.calls.is_empty() || !self.refreshes.is_empty();
        self.waiting.iter().map(|waiting| waiting.due).min().filter(|_| !under_way)
    }

    /// Somebody wants an access token.
    pub(super) fn refresh(&mut self, wechat: &mut WeChat) {
        let held = self.seen().filter(|state| state.status == Status::Authorized);
        let Some(used) = held.and_then(|state| state.refresh_token.clone()) else { return };
        let with = self.refresh_token().expect("it is held");
        let answer = wechat.refresh(&with);
        self.refreshes.push(Refresh { used, with, answer });
    }

    fn finish_refresh(&mut self, Refresh { used, with, answer }: Refresh, wechat: &WeChat) {
        let decision = match answer {
            Refreshed::Token(token) if token.expose() == with => Decision::nothing(),
            Refreshed::Token(token) => decide_refreshed(self.seen(), &used, token, access_token()),
            Refreshed::Dead => {
                Decision::task(Task::inspect(Because::RefreshRefused { refusal: code_refused() }))
            }
            Refreshed::Gone => Decision::task(Task::inspect(Because::UnclearRevocation)),
        };
        self.carry_out(decision, wechat, None);
    }

    /// A callback comes, in its place among those that were pushed.
    pub(super) fn receive(&mut self, wechat: &WeChat, at: usize) {
        let (callback, now) = (&wechat.pushed[at], wechat.now);
        let code = match &callback.info {
            Info::Authorized(grant) | Info::UpdateAuthorized(grant) => grant.code.as_ref(),
            _ => None,
        };
        let row = code.and_then(|code| self.redemptions.get(&CodeDigest::of(code)));
        let about = AboutCode { tag: None, is_spent: row.is_some_and(|row| row.ended) };
        let decision =
            decide_authorizer_callback(&component(), self.seen(), callback, &about, our_clock(now));
        check_unclear(self.seen(), callback, &decision, our_clock(now));
        self.carry_out(decision, wechat, Some(wechat.acts[at]));
        let has_credentials = self.seen().is_some_and(|state| state.status == Status::Authorized);
        assert!(
            has_credentials || code.is_none_or(|code| self.redemptions.contains_key(&CodeDigest::of(code))),
            "a code was dropped although there are no credentials"
        );
    }

    /// The merchant's browser brings a code: it is redeemed, whoever it belongs to.
    pub(super) fn receive_code(&mut self, code: Secret, now: i64) {
        let via = GrantedVia::Redirect;
        let redeem = Redeem { component: component(), authorizer: None, code, via, tag: None };
        if !self.redemptions.contains_key(&redeem.digest()) {
            self.queue(Task::Redeem(redeem), now);
        }
    }

    /// Begins a task that is due. `WeChat` answers at once; we hear of it later.
    pub(super) fn start(&mut self, wechat: &mut WeChat, at: usize) {
        let due: Vec<usize> =
            (0..self.waiting.len()).filter(|at| self.waiting[*at].due <= wechat.now).collect();
        if due.is_empty() {
            return;
        }
        let waiting = self.waiting.remove(due[at % due.len()]);
        let head = self.history.len();
        let answer = match &waiting.task {
            Task::Redeem(redeem) => {
                let told = wechat.redeem(&redeem.code);
                let redeemed = |told: Authorization| (told.number, told.redeemed(&redeem.code, redeem.via));
                Answer::Redemption(told.map(redeemed))
            }
            Task::Inspect { because } => {
                let token = self.refresh_token().map(Secret::new);
                let times =
                    Times { queued_at: our_clock(waiting.queued_at), asked_at: our_clock(wechat.now) };
                let inspection =
                    Inspection::begin(self.seen(), token, because.clone(), self.redeem_task(), times);
                Answer::Inspection(Box::new(inspection))
            }
            Task::ReleaseReply { .. } => unreachable!("no test account is among these"),
        };
        self.calls.push(Call { waiting, head, answer });
    }

    fn redeem_task(&self) -> RedeemTask {
        let newest = self.seen().and_then(Authorizer::newest_code);
        match newest.and_then(|code| self.redemptions.get(&code)) {
            Some(row) if !row.ended => RedeemTask::Waits,
            Some(_) | None => RedeemTask::Ended,
        }
    }

    /// An answer comes: it is decided, or leads to the next question. `seconds_old` is the age of what info says.
    pub(super) fn finish(&mut self, wechat: &mut WeChat, at: usize, seconds_old: i64) {
        if !self.refreshes.is_empty() {
            let refresh = self.refreshes.remove(at % self.refreshes.len());
            self.finish_refresh(refresh, wechat);
        }
        if self.calls.is_empty() {
            return;
        }
        let at = at % self.calls.len();
        if let Answer::Inspection(inspection) = &mut self.calls[at].answer
            && let Some(question) = inspection.question()
        {
            ask(wechat, inspection, question, seconds_old);
            return;
        }
        let call = self.calls.remove(at);
        self.decide(call, wechat);
    }

    fn decide(&mut self, Call { waiting, head, answer }: Call, wechat: &WeChat) {
        let now = wechat.now;
        let since = Since::of(&self.history[head..]);
        let decision = match (answer, &waiting.task) {
            (Answer::Redemption(told), Task::Redeem(redeem)) => {
                let row = self.redemptions.get_mut(&redeem.digest()).expect("it was queued");
                row.ended = true;
                match told {
                    Some((number, redeemed)) => {
                        let decision = decide_redeemed(self.seen(), &since, redeemed);
                        let issued = |new: &NewEvent| matches!(new.event, Event::CredentialsIssued(_));
                        if decision.events.iter().any(issued) {
                            self.redeemed.insert(number);
                        }
                        decision
                    }
                    None if row.authorizer_known => {
                        decide_redemption_refused(redeem.digest(), code_refused())
                    }
                    None => Decision::nothing(),
                }
            }
            (Answer::Inspection(inspection), _) => match decide_inspected(self.seen(), &since, &inspection) {
                Inspected::Done(decision) => decision,
                Inspected::Again { decision, at } => {
                    let due = at.as_second().max(now);
                    self.waiting.push(Waiting { due, ..waiting });
                    decision
                }
                Inspected::Incomplete => {
                    self.waiting.push(Waiting { due: now + 30, ..waiting });
                    Decision::nothing()
                }
                Inspected::Unknown(_) => Decision::nothing(),
            },
            (Answer::Redemption(_), _) => unreachable!("only a code is redeemed"),
        };
        check_stale(&since, &decision);
        self.carry_out(decision, wechat, None);
    }

    /// An answer is lost: the call is made again.
    pub(super) fn lose(&mut self, at: usize) {
        if !self.refreshes.is_empty() {
            self.refreshes.remove(at % self.refreshes.len()); // whoever wants a token asks again
        }
        if !self.calls.is_empty() {
            let call = self.calls.remove(at % self.calls.len());
            self.waiting.push(call.waiting);
        }
    }

    /// An answer about the authorizer cannot be read.
    pub(super) fn spoil(&mut self, at: usize) {
        if self.calls.is_empty() {
            return;
        }
        let at = at % self.calls.len();
        if let Answer::Inspection(inspection) = &mut self.calls[at].answer
            && let Some(question) = inspection.question()
        {
            inspection.learn_unreadable(question);
        }
    }

    /// Records and queues what was decided; `acted_at` is when the act of a callback happened.
    fn carry_out(&mut self, decision: Decision, wechat: &WeChat, acted_at: Option<i64>) {
        let now = wechat.now;
        for new in &decision.events {
            self.check(new);
            self.known.check(new, self.state.as_ref(), wechat, acted_at);
            check_token(new, self.refresh_token().as_deref());
            let before = self.state.clone();
            self.record(new, our_clock(now));
            self.known.check_state(before.as_ref(), self.seen().expect("just recorded"), wechat);
        }
        decision.tasks.into_iter().for_each(|task| self.queue(task, now));
    }

    /// Seals the event's secrets for its place, and folds it onto the state.
    fn record(&mut self, new: &NewEvent, recorded_at: Timestamp) {
        let version = Version(self.history.len() as u64 + 1);
        let sealed = seal(&merchant_stream(), version, new);
        let recorded = Recorded { event: &new.event, version, form: FORM, recorded_at, sealed: &sealed };
        self.state = Some(Authorizer::evolve(self.state.take(), recorded));
        self.history.push(new.event.clone());
    }

    /// Queueing a code that is known adds the authorizer that was missing.
    fn queue(&mut self, task: Task, now: i64) {
        if let Task::Redeem(redeem) = &task {
            let authorizer_known = redeem.authorizer.is_some();
            if let Some(row) = self.redemptions.get_mut(&redeem.digest()) {
                assert!(!row.ended, "a code that is spent is not redeemed again");
                row.authorizer_known |= authorizer_known;
                return;
            }
            self.redemptions.insert(redeem.digest(), RedeemRow { authorizer_known, ended: false });
        }
        self.waiting.push(Waiting { task, queued_at: now, due: now });
    }

    /// What must hold of every event, whatever happens around it.
    fn check(&self, new: &NewEvent) {
        let history = &self.history;
        let held = self.seen().is_some_and(Authorizer::is_held);
        let generation = self.seen().map_or(0, |state| state.generation);
        match &new.event {
            Event::Granted(_) => assert!(!held, "a held authorizer was granted after {history:?}"),
            Event::Updated(_) => assert!(held, "a revoked authorizer was updated after {history:?}"),
            Event::CredentialsIssued(issued) => {
                assert!(held, "credentials without a grant after {history:?}");
                assert_eq!(issued.generation, generation);
            }
            Event::CredentialsRecovered(recovered) => {
                assert!(held, "credentials without a grant after {history:?}");
                assert_eq!(recovered.generation, generation);
            }
            _ => {}
        }
    }
}

fn ask(wechat: &mut WeChat, inspection: &mut Inspection, question: Question, seconds_old: i64) {
    match question {
        Question::Info => match wechat.info(seconds_old) {
            Some(info) => inspection.learn_info(info),
            None => inspection.learn_gone(),
        },
        Question::Refresh(token) => match wechat.refresh(token.expose()) {
            Refreshed::Token(next) => inspection.learn_works(token, Some(next), access_token()),
            Refreshed::Dead => inspection.learn_refused(token, code_refused()),
            Refreshed::Gone => inspection.learn_gone(),
        },
        Question::List => inspection.learn_listed(wechat.listed(seconds_old)),
    }
}

fn our_clock(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("within the calendar")
}
