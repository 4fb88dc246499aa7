//! What an ordered push says.

use mandate_schema::{AuthorizerId, ComponentId};

use super::{Dirt, Draft, InfoType, Route, draft::merged};
use crate::{
    error::OrderError,
    orders::PushSpec,
    state::{Act, Change, SecretKind, State, Wishes},
    xml::{self, Element},
};

impl State {
    /// Composes the push that is ordered. Authorization changes without fields other than `CreateTime`, and tickets
    /// without a value of their own, really happen. Otherwise, or forged, a push only says what it is told to.
    pub(crate) fn compose(&mut self, spec: &PushSpec, now: i64) -> Result<Draft, OrderError> {
        self.component(&spec.component)?;
        if [&spec.info_type, &spec.msg_type].into_iter().flatten().any(|name| !is_type_name(name)) {
            return Err(OrderError::Invalid(
                "the type must be 1 to 100 letters, digits, '_' or '-'".to_owned(),
            ));
        }
        let mut draft = self.compose_clean(spec, now)?;
        spec.dirt.apply(&mut draft, |elements| self.write(elements))?;
        Ok(draft)
    }

    fn compose_clean(&mut self, spec: &PushSpec, now: i64) -> Result<Draft, OrderError> {
        match (&spec.info_type, &spec.msg_type) {
            (Some(info_type), None) => match InfoType::parse(info_type) {
                Some(known) if really_happens(spec) => self.genuine(spec, known, now),
                known => self.notice(spec, info_type, known, now),
            },
            (None, Some(msg_type)) => self.message(spec, msg_type, now),
            (Some(_), Some(_)) | (None, None) => {
                Err(OrderError::Invalid("give either info_type or msg_type".to_owned()))
            }
        }
    }

    /// A ticket push with the next ticket.
    pub(crate) fn ticket(
        &mut self,
        component: &ComponentId,
        time: i64,
        now: i64,
    ) -> Result<Draft, OrderError> {
        let fields = vec![Element::text("ComponentVerifyTicket", self.next_ticket(component, now)?)];
        Ok(self.event(component, None, InfoType::Ticket.as_str(), time, fields))
    }

    /// A push that tells the truth about what happens with it.
    fn genuine(&mut self, spec: &PushSpec, info_type: InfoType, now: i64) -> Result<Draft, OrderError> {
        let act = match info_type {
            InfoType::Ticket => {
                return self.ticket(&spec.component, told_time(spec).unwrap_or(now), now);
            }
            InfoType::Authorized | InfoType::UpdateAuthorized => Act::Authorize,
            InfoType::Unauthorized => Act::Revoke,
        };
        let authorizer = spec.authorizer.clone().ok_or_else(|| needs_authorizer(info_type.as_str()))?;
        if act == Act::Revoke && self.component(&spec.component)?.held(&authorizer).is_none() {
            // Nothing to revoke: the push is true as it stands.
            return self.notice(spec, info_type.as_str(), Some(info_type), now);
        }
        let change = Change {
            component: spec.component.clone(),
            authorizer: Some(authorizer),
            act,
            permissions: None,
            wishes: Wishes::default(),
            pre_auth_code: None,
            create_time: told_time(spec),
        };
        let changed = match act {
            Act::Revoke => self.change(change, now)?,
            Act::Create | Act::Authorize | Act::Update => self.authorize(&change, info_type, now)?,
        };
        Ok(changed.draft.expect("grants and revocations are announced"))
    }

    /// A push to the auth-event URL that says what it is told to; secrets that are not told are made up.
    fn notice(
        &mut self,
        spec: &PushSpec,
        name: &str,
        known: Option<InfoType>,
        now: i64,
    ) -> Result<Draft, OrderError> {
        let mut fields = elements(spec)?;
        let missing = |fields: &[Element], name: &str| fields.iter().all(|field| field.name != name);
        if known.is_some_and(|known| known != InfoType::Ticket) && missing(&fields, "AuthorizerAppid") {
            let authorizer = spec.authorizer.as_ref().ok_or_else(|| needs_authorizer(name))?;
            fields.insert(0, Element::text("AuthorizerAppid", authorizer.as_str()));
        }
        match known {
            Some(InfoType::Ticket) if missing(&fields, "ComponentVerifyTicket") => {
                let ticket = match spec.forge {
                    None => self.next_ticket(&spec.component, now)?,
                    Some(_) => self.mint(SecretKind::Ticket),
                };
                fields.push(Element::text("ComponentVerifyTicket", ticket));
            }
            Some(InfoType::Authorized | InfoType::UpdateAuthorized) => {
                if missing(&fields, "AuthorizationCode") {
                    fields.push(Element::text("AuthorizationCode", self.mint(SecretKind::AuthorizationCode)));
                }
                if missing(&fields, "AuthorizationCodeExpiredTime") {
                    fields.push(Element::number("AuthorizationCodeExpiredTime", now + 3600));
                }
            }
            Some(InfoType::Ticket | InfoType::Unauthorized) | None => {}
        }
        let time = told_time(spec).unwrap_or(now);
        let mut draft = self.event(&spec.component, spec.authorizer.as_ref(), name, time, fields);
        draft.forge = spec.forge;
        Ok(draft)
    }

    /// A push to the message URL of an account.
    fn message(&mut self, spec: &PushSpec, msg_type: &str, now: i64) -> Result<Draft, OrderError> {
        let authorizer: &AuthorizerId = spec.authorizer.as_ref().ok_or_else(|| needs_authorizer(msg_type))?;
        let user_name = self.account(authorizer)?.user_name.clone();
        let fields = elements(spec)?;
        let told = spec.fields.get("FromUserName").and_then(|value| value.as_str()).map(str::to_owned);
        let openid = told.unwrap_or_else(|| format!("o{}", self.mint.characters(27)));
        let time = told_time(spec).unwrap_or(now);
        let mut common = vec![
            Element::text("ToUserName", &*user_name),
            Element::text("FromUserName", &*openid),
            Element::number("CreateTime", time),
            Element::text("MsgType", msg_type),
        ];
        if msg_type != "event" {
            let id = self.mint.digits(17).parse().expect("17 digits fit");
            common.push(Element::number("MsgId", id));
        }
        let elements = merged(common, fields);
        Ok(Draft {
            component: spec.component.clone(),
            subject: Some(authorizer.clone()),
            route: Route::Message { authorizer: authorizer.clone(), user_name, openid },
            name: msg_type.to_owned(),
            create_time: time,
            plaintext: self.write(&elements).into_bytes(),
            elements,
            forge: spec.forge,
            dirt: Dirt::default(),
        })
    }
}

fn really_happens(spec: &PushSpec) -> bool {
    spec.forge.is_none() && spec.fields.keys().all(|name| name == "CreateTime")
}

fn is_type_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn elements(spec: &PushSpec) -> Result<Vec<Element>, OrderError> {
    xml::elements(&spec.fields).map_err(|error| OrderError::Invalid(error.to_string()))
}

/// The time that the order names, in either place.
fn told_time(spec: &PushSpec) -> Option<i64> {
    let field = spec.fields.get("CreateTime");
    let field = field.and_then(|value| value.as_i64().or_else(|| value.as_str()?.trim().parse().ok()));
    field.or(spec.create_time)
}

fn needs_authorizer(name: &str) -> OrderError {
    OrderError::Invalid(format!("{name} needs an authorizer"))
}
