//! What a decision consists of.

use std::collections::BTreeSet;

use jiff::Timestamp;
use mandate_schema::{
    AuthorizerId, CodeDigest, ComponentId, Event, Field, GrantedVia, SealedFields, Secret, Version,
};

use mandate_wechat::api::Refusal;

/// Events to append and work to queue, in one transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// New events, in order. Empty: nothing happened, but the command is remembered all the same.
    pub events: Vec<NewEvent>,
    /// New tasks.
    pub tasks: Vec<Task>,
    /// The access token that came with the answer.
    pub access_token: Option<AccessToken>,
}

/// An event before it is recorded, with its secrets still in the clear.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// Public data.
    pub event: Event,
    /// Secrets to seal beside it.
    pub secrets: Vec<(Field, Secret)>,
    /// For a notice: the authorizers it names. Erasing any of them destroys the notice's key.
    pub about: BTreeSet<AuthorizerId>,
}

/// An access token and its life as `WeChat` says. A cache, never an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// The token.
    pub token: Secret,
    /// Seconds from the start of the request.
    pub expires_in: u64,
}

/// A call to `WeChat` to be made later.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// Redeem an authorization code.
    Redeem(Redeem),
    /// Ask `WeChat` about an authorizer, find credentials that work, and record what differs.
    Inspect {
        /// Why.
        because: Because,
    },
    /// Send the customer-service message that `WeChat`'s release check waits for, once the code has been redeemed.
    ReleaseReply {
        /// The code that the message quotes.
        code: Secret,
        /// Openid of the user that it goes to.
        to_user: String,
    },
}

/// Why an authorizer is inspected.
#[derive(Clone, Debug, PartialEq)]
pub enum Because {
    /// Its code was redeemed: the answer has no profile, and may lack the refresh token.
    Redeemed,
    /// What is recorded may not be the truth: the order of two facts is unclear, or an answer came too late.
    Doubt,
    /// `WeChat` spoke of a revocation that may be older than what is recorded.
    UnclearRevocation,
    /// `WeChat` refuses its code.
    RedemptionRefused {
        /// The code.
        digest: CodeDigest,
        /// The refusal, recorded if no credentials are found.
        refusal: Refusal,
    },
    /// `WeChat` refuses its refresh token.
    RefreshRefused {
        /// The refusal, recorded if no credentials are found.
        refusal: Refusal,
    },
    /// `WeChat` has named a refresh token that we do not hold: in its list, or in an answer that came too late.
    Named {
        /// That token.
        refresh_token: Secret,
    },
}

impl Because {
    /// The refusal that is looked into.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::RedemptionRefused { refusal, .. } | Self::RefreshRefused { refusal } => Some(refusal),
            Self::Redeemed | Self::Doubt | Self::UnclearRevocation | Self::Named { .. } => None,
        }
    }

    /// The code that `WeChat` refuses.
    pub(crate) fn refused_code(&self) -> Option<CodeDigest> {
        match self {
            Self::RedemptionRefused { digest, .. } => Some(*digest),
            Self::Redeemed
            | Self::Doubt
            | Self::UnclearRevocation
            | Self::RefreshRefused { .. }
            | Self::Named { .. } => None,
        }
    }

    /// The refresh token that is to be tried.
    pub fn named_token(&self) -> Option<&Secret> {
        match self {
            Self::Named { refresh_token } => Some(refresh_token),
            Self::Redeemed
            | Self::Doubt
            | Self::UnclearRevocation
            | Self::RedemptionRefused { .. }
            | Self::RefreshRefused { .. } => None,
        }
    }
}

impl Task {
    /// The task that inspects the authorizer of the stream that it is decided on.
    pub fn inspect(because: Because) -> Self {
        Self::Inspect { because }
    }

    /// The task that looks into an answer that came too late. The refresh token that it brought is not lost: it is tried.
    pub(crate) fn inspect_late(refresh_token: Option<Secret>) -> Self {
        Self::inspect(refresh_token.map_or(Because::Doubt, |refresh_token| Because::Named { refresh_token }))
    }
}

/// See [`Task::Redeem`].
#[derive(Clone, Debug, PartialEq)]
pub struct Redeem {
    /// The component the code is for.
    pub component: ComponentId,
    /// The authorizer it comes from, if that is known before the answer.
    pub authorizer: Option<AuthorizerId>,
    /// The code.
    pub code: Secret,
    /// How we got it.
    pub via: GrantedVia,
    /// The tag of the consent link that it came through.
    pub tag: Option<String>,
}

impl Redeem {
    /// The code's digest.
    pub fn digest(&self) -> CodeDigest {
        CodeDigest::of(&self.code)
    }
}

/// A recorded event as a fold sees it: its published part opened, its secrets still sealed.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// Public data.
    pub event: &'a Event,
    /// Number in its stream.
    pub version: Version,
    /// Version of its stored form.
    pub form: u16,
    /// When the worker recorded it.
    pub recorded_at: Timestamp,
    /// Sealed fields.
    pub sealed: &'a SealedFields,
}

impl Decision {
    /// Nothing to do.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Only a task.
    pub fn task(task: Task) -> Self {
        Self::default().with_task(task)
    }

    /// Only an event without secrets.
    pub fn event(event: Event) -> Self {
        Self::default().with_event(event)
    }

    /// Adds an event without secrets.
    pub fn with_event(mut self, event: Event) -> Self {
        self.push(event, None);
        self
    }

    /// Adds an event with the secret that there is.
    pub fn with_sealed(mut self, event: Event, field: Field, secret: Option<Secret>) -> Self {
        self.push(event, secret.map(|secret| (field, secret)));
        self
    }

    pub(crate) fn push(&mut self, event: Event, secret: Option<(Field, Secret)>) {
        self.events.push(NewEvent { event, secrets: secret.into_iter().collect(), about: BTreeSet::new() });
    }

    /// Adds a task.
    pub fn with_task(mut self, task: Task) -> Self {
        self.tasks.push(task);
        self
    }
}
