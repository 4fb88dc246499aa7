//! What a callback of the auth-event URL means.

use jiff::Timestamp;
use mandate_schema::{
    AuthorizerId, CodeDigest, ComponentId, CreateTime, Event, Field, Granted, GrantedVia, NoticeReceived,
    Revoked, RevokedVia, Secret, StreamName, TicketReceived,
};
use mandate_wechat::callback::{Callback, Grant, Info};

use crate::{Authorizer, Because, Decision, NewEvent, Redeem, Status, Task, order::Age};

/// The stream that a callback is decided on.
pub fn stream_of(component: &ComponentId, callback: &Callback) -> StreamName {
    match &callback.info {
        Info::Authorized(grant) | Info::UpdateAuthorized(grant) => {
            StreamName::Authorizer(component.clone(), grant.authorizer.clone())
        }
        Info::Unauthorized { authorizer } => StreamName::Authorizer(component.clone(), authorizer.clone()),
        Info::Ticket { .. }
        | Info::FastRegister(_)
        | Info::FastRegisterBeta(_)
        | Info::FastVerifyBeta(_)
        | Info::IcpVerify(_)
        | Info::IcpApply(_)
        | Info::WxaAuth(_)
        | Info::WxaVerify(_)
        | Info::WxaAuthAndIcp(_)
        | Info::OrderPathApply(_)
        | Info::OrderPathAudit(_)
        | Info::Other { .. } => StreamName::Component(component.clone()),
    }
}

/// Decides a ticket or a notice. Tickets and notices are facts whatever the state is.
///
/// `current` is the current ticket: a push that repeats it is recorded without the value, so that it replaces nothing.
pub fn decide_component_callback(
    component: &ComponentId,
    current: Option<&Secret>,
    callback: &Callback,
) -> Decision {
    match &callback.info {
        Info::Ticket { ticket } => Decision::nothing().with_sealed(
            Event::TicketReceived(TicketReceived { create_time: callback.time() }),
            Field::Ticket,
            Some(ticket.clone()).filter(|ticket| current != Some(ticket)),
        ),
        Info::FastRegister(registration) => {
            let mut decision = decide_notice(callback);
            if let Some(code) = &registration.code {
                decision.tasks.push(Task::Redeem(Redeem {
                    component: component.clone(),
                    authorizer: registration.app_id.clone(),
                    code: code.clone(),
                    via: GrantedVia::Notice,
                    tag: None,
                }));
            }
            decision
        }
        _ => decide_notice(callback),
    }
}

/// A notice is kept whole: secret elements apart from the others, both sealed.
fn decide_notice(callback: &Callback) -> Decision {
    let (document, secrets) = callback.document.split_secrets();
    let event = Event::NoticeReceived(NoticeReceived {
        info_type: callback.info_type().to_owned(),
        create_time: callback.time(),
        document: Some(document),
    });
    let secrets = (!secrets.is_empty())
        .then(|| serde_json::to_string(&secrets).expect("a document is a map of texts"))
        .map(|text| (Field::Secrets, Secret::new(text)));
    Decision {
        events: vec![NewEvent {
            event,
            secrets: secrets.into_iter().collect(),
            about: callback.authorizers(),
        }],
        ..Decision::default()
    }
}

/// Decides the text of the release check that brings a code. `WeChat` may have pushed the same code with the authorization: it is
/// redeemed once.
pub fn decide_release_text(
    component: &ComponentId,
    authorizer: &AuthorizerId,
    code: &Secret,
    to_user: &str,
) -> Decision {
    let redeem = Redeem {
        component: component.clone(),
        authorizer: Some(authorizer.clone()),
        code: code.clone(),
        via: GrantedVia::ReleaseCheck,
        tag: None,
    };
    Decision::task(Task::Redeem(redeem))
        .with_task(Task::ReleaseReply { code: code.clone(), to_user: to_user.to_owned() })
}

/// What is known about a grant's code beside the stream and the callback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AboutCode {
    /// The tag of the consent link that its pre-auth code was made for.
    pub tag: Option<String>,
    /// Whether its redemption, which the merchant's browser began, has ended without a grant.
    pub is_spent: bool,
}

/// Decides a grant or a revocation on the authorizer's state; `now` is when it is recorded.
///
/// | callback | newer, or the first | unclear | older |
/// | --- | --- | --- | --- |
/// | grant | granted or updated, redeem | the same, and inspect | redeem unless `authorized` |
/// | grant without a code | granted or updated, inspect | inspect | nothing |
/// | revocation | revoked | inspect | nothing |
///
/// A code that is spent is not redeemed; the inspection finds what it brought.
pub fn decide_authorizer_callback(
    component: &ComponentId,
    state: Option<&Authorizer>,
    callback: &Callback,
    about: &AboutCode,
    now: Timestamp,
) -> Decision {
    let age = Age::of(callback.create_time, state.map(Authorizer::known).unwrap_or_default(), now);
    match &callback.info {
        Info::Authorized(grant) | Info::UpdateAuthorized(grant) => match &grant.code {
            Some(code) => {
                let redeem = Redeem {
                    component: component.clone(),
                    authorizer: Some(grant.authorizer.clone()),
                    code: code.clone(),
                    via: GrantedVia::Callback,
                    tag: about.tag.clone(),
                };
                decide_grant(state, age, granted(grant, callback.create_time, about), redeem, about)
            }
            None => decide_grant_without_code(state, age, granted(grant, callback.create_time, about)),
        },
        Info::Unauthorized { .. } => decide_revocation(age, callback.create_time),
        _ => Decision::nothing(),
    }
}

fn granted(grant: &Grant, create_time: Option<CreateTime>, about: &AboutCode) -> Granted {
    Granted {
        create_time,
        code_digest: grant.code.as_ref().map(CodeDigest::of),
        code_expires_at: grant.code_expires_at.map(|at| CreateTime(at.as_second())),
        via: GrantedVia::Callback,
        tag: about.tag.clone(),
    }
}

fn decide_grant(
    state: Option<&Authorizer>,
    age: Age,
    fact: Granted,
    redeem: Redeem,
    about: &AboutCode,
) -> Decision {
    if state.is_some_and(|state| state.has_grant(redeem.digest())) {
        return Decision::nothing();
    }
    let redeem = if about.is_spent { Task::inspect(Because::Doubt) } else { Task::Redeem(redeem) };
    match age {
        Age::Newer => Decision::event(granted_or_updated(state, fact)).with_task(redeem),
        Age::Unclear if about.is_spent => Decision::event(granted_or_updated(state, fact)).with_task(redeem),
        Age::Unclear => Decision::event(granted_or_updated(state, fact))
            .with_task(redeem)
            .with_task(Task::inspect(Because::Doubt)),
        Age::Older if state.is_some_and(|state| state.status == Status::Authorized) => Decision::nothing(),
        // The code decides: if WeChat still redeems it, the authorizer authorizes us.
        Age::Older => Decision::task(redeem),
    }
}

fn decide_grant_without_code(state: Option<&Authorizer>, age: Age, fact: Granted) -> Decision {
    let inspect = Task::inspect(Because::Doubt);
    match age {
        Age::Newer => Decision::event(granted_or_updated(state, fact)).with_task(inspect),
        Age::Unclear => Decision::task(inspect),
        Age::Older => Decision::nothing(),
    }
}

fn decide_revocation(age: Age, create_time: Option<CreateTime>) -> Decision {
    match age {
        Age::Newer => Decision::event(Event::Revoked(Revoked { create_time, via: RevokedVia::Callback })),
        Age::Unclear => Decision::task(Task::inspect(Because::UnclearRevocation)),
        Age::Older => Decision::nothing(), // overtaken by a newer fact
    }
}

/// Our state decides between the two, not the `InfoType`: a lost callback must not make a wrong event.
pub(crate) fn granted_or_updated(state: Option<&Authorizer>, fact: Granted) -> Event {
    if state.is_some_and(Authorizer::is_held) { Event::Updated(fact) } else { Event::Granted(fact) }
}
