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
    /// For a notice: the accounts it names. Erasing any of them destroys the notice's key.
    pub about: BTreeSet<AuthorizerId>,
}

/// An access token and its life as `WeChat` told it. A cache, never an event.
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
    /// Record the account's profile.
    Profile,
    /// Ask whether the account still authorizes us, and believe the answer.
    Confirm,
    /// Find the refresh token of an account whose code could not be redeemed.
    Recover {
        /// The code that was refused.
        digest: CodeDigest,
        /// `WeChat`'s refusal, recorded if recovery fails too.
        refusal: Refusal,
    },
    /// Find another refresh token in place of one that was refused, and show that it works.
    Renew {
        /// `WeChat`'s refusal, recorded if recovery fails too.
        refusal: Refusal,
    },
    /// Send the customer-service message that `WeChat`'s release check waits for, once the code has been redeemed.
    ReleaseReply {
        /// The code that the message quotes.
        code: Secret,
        /// Openid of the user that it goes to.
        to_user: String,
    },
}

/// See [`Task::Redeem`].
#[derive(Clone, Debug, PartialEq)]
pub struct Redeem {
    /// The component the code is for.
    pub component: ComponentId,
    /// The account it comes from, if that is known before the answer.
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
        self.events.push(NewEvent { event, secrets: Vec::new(), about: BTreeSet::new() });
        self
    }

    /// Adds an event with the secrets that there are.
    pub fn with_sealed(mut self, event: Event, field: Field, secret: Option<Secret>) -> Self {
        let secrets = secret.map(|secret| (field, secret)).into_iter().collect();
        self.events.push(NewEvent { event, secrets, about: BTreeSet::new() });
        self
    }

    /// Adds a task.
    pub fn with_task(mut self, task: Task) -> Self {
        self.tasks.push(task);
        self
    }
}
