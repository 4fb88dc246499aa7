//! Our side for one account: callbacks are decided as they come, tasks call `WeChat` and are decided later.

use std::collections::HashSet;

use mandate_schema::{CodeDigest, Event, GrantedVia, RecoverySource, SealedAt, Secret};
use mandate_wechat::callback::Callback;

use super::wechat::{Refreshed, WeChat};
use crate::{
    AboutCode, Decision, InfoRefusal, NewEvent, Redeem, Renewed, Status, Task, decide_authorizer_callback,
    tests::{
        given::{Answer, World},
        samples::{access_token, code_refused, component, profile},
    },
};

/// A call whose answer is on its way.
#[derive(Debug)]
struct Call {
    task: Task,
    /// Events in the log when it started.
    head: usize,
    /// `None`: it tells nothing that could be decided.
    answer: Option<Answer>,
}

/// A refresh whose answer is on its way.
#[derive(Debug)]
struct Refresh {
    used: SealedAt,
    with: String,
    answer: Refreshed,
}

/// The service.
#[derive(Debug, Default)]
pub(super) struct Service {
    pub(super) world: World,
    waiting: Vec<Task>,
    calls: Vec<Call>,
    /// Refreshes whose answer is on its way.
    refreshes: Vec<Refresh>,
    /// Codes for which there is, or was, a redeem task: one for each.
    redeemed: HashSet<CodeDigest>,
}

impl Service {
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.calls.is_empty() && self.refreshes.is_empty()
    }

    /// Somebody wants an access token.
    pub(super) fn refresh(&mut self, wechat: &mut WeChat) {
        let account = self.world.seen().filter(|state| state.status == Status::Authorized);
        let Some(used) = account.and_then(|state| state.refresh_token.clone()) else { return };
        let with = self.world.refresh_token().expect("it is held");
        let answer = wechat.refresh(&with);
        self.refreshes.push(Refresh { used, with, answer });
    }

    /// The answer to a refresh comes.
    fn finish_refresh(&mut self, Refresh { used, with, answer }: Refresh) {
        let decision = match answer {
            Refreshed::Token(token) if token.expose() == with => Decision::nothing(),
            Refreshed::Token(token) => {
                self.world.decide(self.world.history().len(), Answer::Refreshed(used, token))
            }
            Refreshed::Dead => Decision::task(Task::Renew { refusal: code_refused() }),
            Refreshed::Gone => Decision::task(Task::Confirm),
        };
        self.carry_out(decision);
    }

    pub(super) fn receive(&mut self, callback: &Callback) {
        self.carry_out(decide_authorizer_callback(
            &component(),
            self.world.seen(),
            callback,
            &AboutCode::default(),
        ));
    }

    /// The merchant's browser brings a code: it is redeemed, whoever it belongs to.
    pub(super) fn receive_code(&mut self, code: Secret) {
        let via = GrantedVia::Redirect;
        self.queue(Task::Redeem(Redeem { component: component(), authorizer: None, code, via, tag: None }));
    }

    /// Starts a call. `WeChat` answers at once; we hear of it later.
    pub(super) fn start(&mut self, wechat: &mut WeChat, at: usize) {
        if self.waiting.is_empty() {
            return;
        }
        let task = self.waiting.remove(at % self.waiting.len());
        let head = self.world.history().len();
        let answer = self.ask(wechat, &task);
        self.calls.push(Call { task, head, answer });
    }

    /// An answer comes and is decided.
    pub(super) fn finish(&mut self, at: usize) {
        if !self.refreshes.is_empty() {
            let refresh = self.refreshes.remove(at % self.refreshes.len());
            self.finish_refresh(refresh);
        }
        if self.calls.is_empty() {
            return;
        }
        let call = self.calls.remove(at % self.calls.len());
        if let Some(answer) = call.answer {
            self.carry_out(self.world.decide(call.head, answer));
        }
    }

    /// An answer is lost: the call is made again. Nobody tells a code without account twice, so those are spared.
    pub(super) fn lose(&mut self, at: usize) {
        if !self.refreshes.is_empty() {
            self.refreshes.remove(at % self.refreshes.len()); // whoever wants a token asks again
        }
        if self.calls.is_empty() {
            return;
        }
        let call = self.calls.remove(at % self.calls.len());
        if matches!(&call.task, Task::Redeem(redeem) if redeem.authorizer.is_none()) {
            self.calls.push(call);
        } else {
            self.waiting.push(call.task);
        }
    }

    fn ask(&self, wechat: &mut WeChat, task: &Task) -> Option<Answer> {
        let ours = self.world.refresh_token();
        let confirmed = |told: super::wechat::Told| Answer::Confirmed(told.info(ours.as_deref()));
        match task {
            Task::Redeem(redeem) => match wechat.redeem(&redeem.code) {
                Some(told) => Some(Answer::Redeemed(told.redeemed(&redeem.code, redeem.via))),
                None if redeem.authorizer.is_none() => None,
                None => Some(Answer::RedemptionRefused(redeem.digest(), code_refused())),
            },
            // A refusal would queue a confirm task; here the profile is what does not matter.
            Task::Profile => wechat.info().map(|_| Answer::Profile(Some(profile("shop")))),
            Task::ReleaseReply { .. } => unreachable!("no test account is among these"),
            Task::Confirm => Some(wechat.info().map_or(Answer::Gone, confirmed)),
            Task::Renew { refusal } => {
                let hopeless = |reason| Some(Answer::Rejected(refusal.clone(), reason));
                let Some(told) = wechat.info() else { return hopeless(InfoRefusal::Gone) };
                let Some(token) = told.refresh_token else { return hopeless(InfoRefusal::NoToken) };
                match wechat.refresh(token.expose()) {
                    Refreshed::Token(refresh_token) => Some(Answer::Renewed(Renewed {
                        is_ours: ours.as_deref() == Some(refresh_token.expose()),
                        refresh_token,
                        source: RecoverySource::Info,
                        access_token: access_token(),
                    })),
                    Refreshed::Dead => hopeless(InfoRefusal::NoToken),
                    Refreshed::Gone => hopeless(InfoRefusal::Gone),
                }
            }
            Task::Recover { digest, refusal } => {
                let hopeless = |reason| Answer::Unrecoverable(*digest, refusal.clone(), reason);
                match wechat.info() {
                    Some(told) if told.refresh_token.is_some() => Some(confirmed(told)),
                    Some(_) => Some(hopeless(InfoRefusal::NoToken)),
                    None => Some(hopeless(InfoRefusal::Gone)),
                }
            }
        }
    }

    fn carry_out(&mut self, decision: Decision) {
        for new in &decision.events {
            self.check(new);
            self.world.record(new);
        }
        decision.tasks.into_iter().for_each(|task| self.queue(task));
    }

    /// Queueing a redeem task for a code that has one does nothing.
    pub(super) fn queue(&mut self, task: Task) {
        if let Task::Redeem(redeem) = &task
            && !self.redeemed.insert(redeem.digest())
        {
            return;
        }
        self.waiting.push(task);
    }

    /// What must hold of every event, whatever happens around it.
    fn check(&self, new: &NewEvent) {
        let history = self.world.history();
        let held = self.world.seen().is_some_and(|state| state.status != Status::Revoked);
        let generation = self.world.seen().map_or(0, |state| state.generation);
        match &new.event {
            Event::Granted(_) => assert!(!held, "a held account was granted after {history:?}"),
            Event::Updated(_) => assert!(held, "a revoked account was updated after {history:?}"),
            Event::CredentialsIssued(issued) => {
                assert!(held, "a revoked account got credentials without a grant after {history:?}");
                assert_eq!(issued.generation, generation);
            }
            Event::CredentialsRecovered(recovered) => {
                assert!(held, "a revoked account got credentials without a grant after {history:?}");
                assert_eq!(recovered.generation, generation);
            }
            _ => {}
        }
    }
}
