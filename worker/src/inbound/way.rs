//! Where an opened push goes, and what is decided on it.

use mandate_domain::{
    Decision, decide_authorizer_callback, decide_component_callback, decide_release_text, stream_of,
};
use mandate_schema::{AuthorizerId, CodeDigest, CommandId, ComponentId, Push, Secret, StreamName};
use mandate_wechat::{
    callback::{Callback, Grant, Info},
    push::{BadContent, Content, GenuinePush},
    release_check::{self, Step},
};

use crate::log::{Held, Needs, Seen, fold::StreamState};

/// An opened push on its way to its stream.
pub(super) struct Delivery {
    pub(super) push: Push,
    pub(super) id: CommandId,
    pub(super) stream: StreamName,
    pub(super) said: Said,
}

/// What a push says that is decided on.
pub(super) enum Said {
    Callback(Box<Callback>),
    /// A text of the release check that brings a code.
    ReleaseText {
        authorizer: AuthorizerId,
        code: Secret,
        to_user: String,
    },
}

/// Where an opened push goes.
pub(super) enum Way {
    ToStream(Delivery),
    /// Kept for the services that handle messages.
    ToMessages(Push),
    /// A text of the release check that ingress has answered: it is nobody else's business.
    Nowhere(CommandId),
    /// Nothing can be decided on it: it becomes a dead letter.
    ToDead(Push, BadContent),
}

impl Said {
    /// For logs.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Callback(callback) => callback.info_type(),
            Self::ReleaseText { .. } => "release check",
        }
    }

    pub(super) fn is_ticket(&self) -> bool {
        matches!(self, Self::Callback(callback) if matches!(callback.info, Info::Ticket { .. }))
    }

    /// What a decision on it needs to see.
    pub(super) fn needs(&self) -> Needs {
        match self {
            Self::ReleaseText { code, .. } => Needs { code: Some(CodeDigest::of(code)), ..Needs::default() },
            Self::Callback(callback) => match &callback.info {
                Info::Ticket { .. } => Needs { held: Some(Held::Ticket), ..Needs::default() },
                Info::FastRegister(registration) => {
                    Needs { code: registration.code.as_ref().map(CodeDigest::of), ..Needs::default() }
                }
                Info::Authorized(grant) | Info::UpdateAuthorized(grant) => needs_of(grant),
                _ => Needs::default(),
            },
        }
    }

    /// What it means on the stream as it is.
    pub(super) fn decide(&self, component: &ComponentId, seen: &Seen<'_>) -> Decision {
        match self {
            Self::ReleaseText { authorizer, code, to_user } => {
                decide_release_text(component, authorizer, code, to_user)
            }
            Self::Callback(callback) => match seen.state {
                StreamState::Component(_) => {
                    decide_component_callback(component, seen.held.as_ref(), callback)
                }
                StreamState::Authorizer(state) => {
                    decide_authorizer_callback(component, state.as_deref(), callback, &seen.about, seen.now)
                }
            },
        }
    }
}

fn needs_of(grant: &Grant) -> Needs {
    Needs {
        code: grant.code.as_ref().map(CodeDigest::of),
        pre_auth_code: grant.pre_auth_code.as_ref().map(CodeDigest::of),
        ..Needs::default()
    }
}

/// The way of a push; from here on it is known by its own id.
pub(super) fn way(push: Push, opened: GenuinePush) -> Way {
    let GenuinePush { id, content, .. } = opened;
    let push = Push { id, ..push };
    let content = match content {
        Ok(content) => content,
        Err(bad) => return Way::ToDead(push, bad),
    };
    let component = push.component.clone();
    let (stream, said) = match (content, &push.authorizer) {
        (Content::Callback(callback), _) => (stream_of(&component, &callback), Said::Callback(callback)),
        (Content::Message(message), authorizer) => match (release_check::step(&message), authorizer) {
            (Some(Step::ApiText(code)), Some(authorizer)) => {
                let to_user = message.from_user.unwrap_or_default();
                let stream = StreamName::Authorizer(component, authorizer.clone());
                (stream, Said::ReleaseText { authorizer: authorizer.clone(), code, to_user })
            }
            (Some(step), _) if step.is_secret() => return Way::Nowhere(id.into()),
            (Some(_) | None, _) => return Way::ToMessages(push),
        },
    };
    Way::ToStream(Delivery { push, id: id.into(), stream, said })
}
