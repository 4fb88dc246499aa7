//! What a callback of the auth-event URL means.

use std::cmp::Ordering;

use mandate_schema::{
    AuthorizerId, CodeDigest, ComponentId, CreateTime, Event, Field, Granted, GrantedVia, NoticeReceived,
    Revoked, RevokedVia, Secret, StreamName, TicketReceived,
};
use mandate_wechat::callback::{Callback, Grant, Info};

use crate::{Authorizer, Decision, FactKind, NewEvent, Redeem, Task};

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
pub fn decide_component_callback(component: &ComponentId, callback: &Callback) -> Decision {
    match &callback.info {
        Info::Ticket { ticket } => Decision::nothing().with_sealed(
            Event::TicketReceived(TicketReceived { create_time: callback.create_time }),
            Field::Ticket,
            Some(ticket.clone()),
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
        create_time: callback.create_time,
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

/// Decides a grant or a revocation on the account's state.
///
/// | callback | newer, or the first | same second, or the newest has no time | older |
/// | --- | --- | --- | --- |
/// | grant | granted or updated, redeem | the same, and confirm | redeem if the newest is a revocation |
/// | revocation | revoked | confirm | nothing |
///
/// A code that is spent is not redeemed; confirming finds what it brought.
pub fn decide_authorizer_callback(
    component: &ComponentId,
    state: Option<&Authorizer>,
    callback: &Callback,
    about: &AboutCode,
) -> Decision {
    match &callback.info {
        Info::Authorized(grant) | Info::UpdateAuthorized(grant) => {
            decide_grant(component, state, grant, callback.create_time, about)
        }
        Info::Unauthorized { .. } => decide_revocation(state, callback.create_time),
        _ => Decision::nothing(),
    }
}

fn decide_grant(
    component: &ComponentId,
    state: Option<&Authorizer>,
    grant: &Grant,
    sent_at: CreateTime,
    about: &AboutCode,
) -> Decision {
    let digest = CodeDigest::of(&grant.code);
    if state.is_some_and(|state| state.has_grant(digest)) {
        return Decision::nothing();
    }
    let redeem = Task::Redeem(Redeem {
        component: component.clone(),
        authorizer: Some(grant.authorizer.clone()),
        code: grant.code.clone(),
        via: GrantedVia::Callback,
        tag: about.tag.clone(),
    });
    let redeem = if about.is_spent { Task::Confirm } else { redeem };
    let fact = Granted {
        create_time: Some(sent_at),
        code_digest: Some(digest),
        code_expires_at: grant.code_expires_at.map(|at| CreateTime(at.as_second())),
        via: GrantedVia::Callback,
        tag: about.tag.clone(),
    };
    match compare_to_newest(state, sent_at) {
        Age::Newer => Decision::event(granted_or_updated(state, fact)).with_task(redeem),
        Age::Unclear => {
            Decision::event(granted_or_updated(state, fact)).with_task(redeem).with_task(Task::Confirm)
        }
        // The code decides: if WeChat still redeems it, the account authorizes us after all.
        Age::OlderThan(FactKind::Revocation) => Decision::task(redeem),
        Age::OlderThan(FactKind::Grant) => Decision::nothing(),
    }
}

fn decide_revocation(state: Option<&Authorizer>, sent_at: CreateTime) -> Decision {
    match compare_to_newest(state, sent_at) {
        Age::Newer => {
            Decision::event(Event::Revoked(Revoked { create_time: Some(sent_at), via: RevokedVia::Callback }))
        }
        Age::Unclear => Decision::task(Task::Confirm),
        Age::OlderThan(_) => Decision::nothing(), // overtaken by a newer fact
    }
}

/// Our state decides between the two, not the `InfoType`: a lost callback must not make a wrong event.
pub(crate) fn granted_or_updated(state: Option<&Authorizer>, fact: Granted) -> Event {
    if state.is_some_and(Authorizer::is_held) { Event::Updated(fact) } else { Event::Granted(fact) }
}

enum Age {
    Newer,
    Unclear,
    OlderThan(FactKind),
}

fn compare_to_newest(state: Option<&Authorizer>, sent_at: CreateTime) -> Age {
    let Some(newest) = state.and_then(|state| state.newest_fact.as_ref()) else {
        return Age::Newer;
    };
    match newest.time.map(|time| sent_at.cmp(&time)) {
        Some(Ordering::Greater) => Age::Newer,
        Some(Ordering::Equal) | None => Age::Unclear,
        Some(Ordering::Less) => Age::OlderThan(newest.kind),
    }
}
