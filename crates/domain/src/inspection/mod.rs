//! Inspecting an authorizer: what to ask `WeChat`, in which order, and what the answers mean.
//!
//! `api_get_authorizer_info` says whether it still authorizes us. Its profile and permissions are recorded when they differ.
//! Refresh tokens are tried only when in doubt, and only one that works makes an authorizer `authorized` again.
//! [`Inspection`] makes no call itself: it says what to ask next, and learns from the answer.

mod outcome;

pub use outcome::{Inspected, decide_inspected};

use jiff::{SignedDuration, Timestamp};
use mandate_schema::{Profile, RecoverySource, Secret};
use mandate_wechat::api::Refusal;

use crate::{
    AccessToken, Authorizer, Because, Status,
    order::{TOLERANCE, settled_at},
};

/// When an answer that may be older than a revocation is asked for again, counted from that revocation.
const ASK_AGAIN: [SignedDuration; 3] =
    [SignedDuration::from_secs(10), SignedDuration::from_mins(1), TOLERANCE];

/// An inspection under way.
#[derive(Clone, Debug)]
pub struct Inspection {
    because: Because,
    /// When the reason for it arose.
    queued_at: Timestamp,
    /// When the calls began.
    asked_at: Timestamp,
    redemption: RedeemTask,
    status: Option<Status>,
    /// Whether a redemption of this authorization brought no refresh token.
    redeemed_without_token: bool,
    /// From when on "still authorized" may be older than a revocation.
    provisional_from: Option<Timestamp>,
    /// The refresh token that we hold.
    held: Option<Secret>,
    info: Info,
    list: List,
    tried: Vec<Secret>,
    trial: Trial,
    /// Whether an answer could not be read, so that what it would have said is not known.
    is_incomplete: bool,
}

/// When an inspection happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When the reason for it arose.
    pub queued_at: Timestamp,
    /// Now: when its calls begin.
    pub asked_at: Timestamp,
}

/// What is known about the task that redeems the newest grant's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedeemTask {
    /// It will bring credentials, or a reason to inspect again.
    Waits,
    /// There is none, or it has ended.
    Ended,
}

/// What to ask `WeChat` next.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// `api_get_authorizer_info`.
    Info,
    /// `api_authorizer_token` with this refresh token.
    Refresh(Secret),
    /// The authorizer's entry of `api_get_authorizer_list`.
    List,
}

/// What `api_get_authorizer_info` says of an authorizer that still authorizes us.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuthorizerInfo {
    /// The profile; `None` if the answer left it out.
    pub profile: Option<Profile>,
    /// Permission sets granted, ascending; `None` if the answer did not say.
    pub permissions: Option<Vec<i64>>,
    /// The refresh token, if it names one.
    pub refresh_token: Option<Secret>,
}

#[derive(Clone, Debug, PartialEq)]
enum Info {
    NotAsked,
    Said(Box<AuthorizerInfo>),
    /// The call was refused, or its answer cannot be read.
    Unknown,
    /// 61003, here or at a refresh.
    Gone,
}

#[derive(Clone, Debug, PartialEq)]
enum List {
    NotAsked,
    Said(Option<Secret>),
}

/// What came of the refresh tokens that were tried.
#[derive(Clone, Debug, PartialEq)]
enum Trial {
    None,
    /// The last refusal.
    Refused(Refusal),
    Worked(Credentials),
}

/// Credentials that work.
#[derive(Clone, Debug, PartialEq)]
struct Credentials {
    refresh_token: Secret,
    source: RecoverySource,
    access_token: AccessToken,
}

impl Inspection {
    /// Begins to inspect; `held` is the opened refresh token of `state`.
    pub fn begin(
        state: Option<&Authorizer>,
        held: Option<Secret>,
        because: Because,
        redemption: RedeemTask,
        Times { queued_at, asked_at }: Times,
    ) -> Self {
        let after_revocation = state.and_then(|state| state.provisional_until).map(|until| until - TOLERANCE);
        let after_unclear = (because == Because::UnclearRevocation).then_some(queued_at);
        let last_redemption = state.and_then(|state| state.redemption.as_ref());
        Self {
            queued_at,
            asked_at,
            redemption,
            status: state.map(|state| state.status),
            redeemed_without_token: last_redemption.is_some_and(|redeemed| !redeemed.with_token),
            provisional_from: after_revocation.max(after_unclear),
            held,
            because,
            info: Info::NotAsked,
            list: List::NotAsked,
            tried: Vec::new(),
            trial: Trial::None,
            is_incomplete: false,
        }
    }

    /// What to ask next; `None`: decide.
    pub fn question(&self) -> Option<Question> {
        match &self.info {
            Info::NotAsked => return Some(Question::Info),
            Info::Gone => return None,
            Info::Said(_) | Info::Unknown => {}
        }
        let has_found = matches!(self.trial, Trial::Worked(_));
        if has_found || self.ask_again_at().is_some() || self.waits_for_redemption() || !self.is_in_doubt() {
            return None;
        }
        if let Some((candidate, _)) = self.candidates().find(|(token, _)| !self.tried.contains(token)) {
            return Some(Question::Refresh(candidate.clone()));
        }
        (self.list == List::NotAsked).then_some(Question::List)
    }

    /// The authorizer still authorizes us.
    pub fn learn_info(&mut self, info: AuthorizerInfo) {
        self.info = Info::Said(Box::new(info));
    }

    /// The question about the authorizer is refused: its refresh tokens may still help.
    pub fn learn_info_refused(&mut self) {
        self.info = Info::Unknown;
    }

    /// 61003: it does not.
    pub fn learn_gone(&mut self) {
        self.info = Info::Gone;
    }

    /// The refresh token in the list's entry.
    pub fn learn_listed(&mut self, refresh_token: Option<Secret>) {
        self.list = List::Said(refresh_token);
    }

    /// The refresh token works; `next` is the one that is in force from now on, if the answer named one.
    pub fn learn_works(&mut self, tried: Secret, next: Option<Secret>, access_token: AccessToken) {
        let source = self.candidates().find(|(token, _)| **token == tried).map(|(_, source)| source);
        let refresh_token = next.unwrap_or_else(|| tried.clone());
        let source = source.unwrap_or(RecoverySource::Held);
        self.tried.push(tried);
        self.trial = Trial::Worked(Credentials { refresh_token, source, access_token });
    }

    /// The refresh token is refused.
    pub fn learn_refused(&mut self, tried: Secret, refusal: Refusal) {
        self.tried.push(tried);
        self.trial = Trial::Refused(refusal);
    }

    /// The answer about this question cannot be read: the others may still help.
    pub fn learn_unreadable(&mut self, question: Question) {
        self.is_incomplete = true;
        match question {
            Question::Info => self.info = Info::Unknown,
            Question::Refresh(token) => self.tried.push(token),
            Question::List => self.list = List::Said(None),
        }
    }

    /// A refresh token was named that arrived damaged: that there is none is no finding.
    pub fn learn_damaged(&mut self) {
        self.is_incomplete = true;
    }

    /// Every refresh token that is known, the likeliest first. Ours is tried before the list is read, which may be long; but if
    /// it is ours that was refused, the list's is likelier.
    fn candidates(&self) -> impl Iterator<Item = (&Secret, RecoverySource)> {
        let from_info = self.named_by_info().map(|token| (token, RecoverySource::Info));
        let named = self.because.named_token().map(|token| (token, RecoverySource::List));
        let held = self.held.as_ref().map(|token| (token, RecoverySource::Held));
        let (held, refused) = match self.because {
            Because::RefreshRefused { .. } => (None, held.filter(|_| self.list != List::NotAsked)),
            Because::Redeemed
            | Because::Doubt
            | Because::UnclearRevocation
            | Because::RedemptionRefused { .. }
            | Because::Named { .. } => (held, None),
        };
        let from_list = match &self.list {
            List::Said(token) => token.as_ref().map(|token| (token, RecoverySource::List)),
            List::NotAsked => None,
        };
        [from_info, named, held, from_list, refused].into_iter().flatten()
    }

    fn named_by_info(&self) -> Option<&Secret> {
        match &self.info {
            Info::Said(info) => info.refresh_token.as_ref(),
            Info::NotAsked | Info::Unknown | Info::Gone => None,
        }
    }

    /// No working credentials, a refused refresh, or a named token other than ours. `WeChat` names the token of a code that was
    /// redeemed, so ours is doubtful, too, if it names none; only after a redemption it may need a while for that.
    fn is_in_doubt(&self) -> bool {
        let has_credentials =
            self.status == Some(Status::Authorized) && (self.held.is_some() || self.needs_no_token());
        !has_credentials
            || matches!(self.because, Because::RefreshRefused { .. })
            || (self.held.is_some() && self.names_no_token() && self.because != Because::Redeemed)
            || self.candidates().any(|(token, _)| Some(token) != self.held.as_ref())
    }

    fn names_no_token(&self) -> bool {
        matches!(&self.info, Info::Said(info) if info.refresh_token.is_none())
    }

    /// An authorizer without any API permission has no refresh token.
    fn needs_no_token(&self) -> bool {
        let names_no_set =
            matches!(&self.info, Info::Said(info) if info.permissions.as_ref().is_some_and(Vec::is_empty));
        self.redeemed_without_token || names_no_set
    }

    /// What the redemption brings is newer than what could be recorded now.
    fn waits_for_redemption(&self) -> bool {
        // A token that came too late would be lost.
        let has_late_token = self.because.named_token().is_some();
        self.redemption == RedeemTask::Waits && self.status == Some(Status::Pending) && !has_late_token
    }

    /// When to ask again, if "still authorized" may be older than a revocation.
    fn ask_again_at(&self) -> Option<Timestamp> {
        let from = self.provisional_from?;
        ASK_AGAIN.into_iter().map(|after| from + after).find(|at| *at > self.asked_at)
    }

    /// Until when the answers may be older than a fact, or than the call whose refusal is looked into.
    fn stale_until(&self, state: Option<&Authorizer>) -> Option<Timestamp> {
        let fact = state.and_then(|state| state.happened_by);
        let refusal = self.because.refusal().map(|_| self.queued_at);
        fact.max(refusal).map(settled_at).filter(|until| self.asked_at < *until)
    }
}
