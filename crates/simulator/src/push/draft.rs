//! A push before it is sealed: the same for every delivery of it.

use mandate_schema::{AuthorizerId, ComponentId};

use super::{Dirt, Forge};
use crate::{
    state::State,
    xml::{self, Element},
};

/// The pushes that the simulator makes by itself; all others are sent as they are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InfoType {
    Ticket,
    Authorized,
    UpdateAuthorized,
    Unauthorized,
}

impl InfoType {
    const ALL: [Self; 4] = [Self::Ticket, Self::Authorized, Self::UpdateAuthorized, Self::Unauthorized];

    /// The name in the document.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ticket => "component_verify_ticket",
            Self::Authorized => "authorized",
            Self::UpdateAuthorized => "updateauthorized",
            Self::Unauthorized => "unauthorized",
        }
    }

    /// The one of this name, if it is one of these.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|info_type| info_type.as_str() == name)
    }
}

/// Which URL a push goes to.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    /// The auth-event URL.
    Event,
    /// The message URL of an account.
    Message {
        /// Goes into the URL.
        authorizer: AuthorizerId,
        /// The account's original id: `ToUserName` of the envelope.
        user_name: String,
        /// The user: `openid` of the query.
        openid: String,
    },
}

/// A push before it is sealed.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) component: ComponentId,
    /// The account that it is about.
    pub(crate) subject: Option<AuthorizerId>,
    pub(crate) route: Route,
    /// `InfoType`, or `MsgType`.
    pub(crate) name: String,
    pub(crate) create_time: i64,
    /// What the document is written from.
    pub(crate) elements: Vec<Element>,
    /// The document: secret, it may hold tickets and codes.
    pub(crate) plaintext: Vec<u8>,
    pub(crate) forge: Option<Forge>,
    pub(crate) dirt: Dirt,
}

impl State {
    /// A push to the auth-event URL. Fields named like one of the common three take its place.
    pub(crate) fn event(
        &self,
        component: &ComponentId,
        subject: Option<&AuthorizerId>,
        info_type: &str,
        create_time: i64,
        fields: Vec<Element>,
    ) -> Draft {
        let common = vec![
            Element::text("AppId", component.as_str()),
            Element::number("CreateTime", create_time),
            Element::text("InfoType", info_type),
        ];
        let elements = merged(common, fields);
        Draft {
            component: component.clone(),
            subject: subject.cloned(),
            route: Route::Event,
            name: info_type.to_owned(),
            create_time,
            plaintext: self.write(&elements).into_bytes(),
            elements,
            forge: None,
            dirt: Dirt::default(),
        }
    }

    /// Writes a document as the switches say.
    pub(crate) fn write(&self, elements: &[Element]) -> String {
        xml::document(elements, self.switches.xml_style, self.switches.xml_text)
    }
}

/// The common elements but for those that a field takes the place of, and the fields.
pub(crate) fn merged(common: Vec<Element>, fields: Vec<Element>) -> Vec<Element> {
    let kept = common.into_iter().filter(|common| fields.iter().all(|field| field.name != common.name));
    let mut elements: Vec<Element> = kept.collect();
    elements.extend(fields);
    elements
}

impl Draft {
    /// The document as text, for a person or a test.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.plaintext).into_owned()
    }
}
