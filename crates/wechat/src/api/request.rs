//! What we send. The secrets inside are written out here and nowhere else.

use std::collections::BTreeMap;

use mandate_schema::{AuthorizerId, ComponentId, Secret};
use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::{
    Api, AuthorizerInfoReply, AuthorizerListAnswer, AuthorizerTokenReply, ComponentTokenReply,
    CustomSendReply, PreauthCodeReply, QueryAuthReply, Reply, StartPushTicketReply,
};

/// The body of a call, tied to its API and to the answer it gets.
pub trait Request: Serialize {
    /// What a successful call answers.
    type Reply: Reply;
    /// Which API it is for.
    const API: Api;

    /// The component that asks.
    fn component(&self) -> &ComponentId;
}

/// A request as JSON text. A secret as a whole, because most requests carry one.
///
/// # Panics
///
/// Never: the requests of this module are plain structs of texts and numbers.
pub fn encode(request: &impl Request) -> Secret {
    Secret::new(serde_json::to_string(request).expect("plain structs of texts and numbers"))
}

/// serde hands over a reference to the field, which is one itself.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn expose<S: Serializer>(secret: &&Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

/// Asks for a component token.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ComponentTokenRequest<'a> {
    /// The component.
    pub component_appid: &'a ComponentId,
    /// Its secret.
    #[serde(serialize_with = "expose")]
    pub component_appsecret: &'a Secret,
    /// The newest ticket.
    #[serde(serialize_with = "expose")]
    pub component_verify_ticket: &'a Secret,
}

/// Asks for a pre-auth code: one per link, never shared.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PreauthCodeRequest<'a> {
    /// The component.
    pub component_appid: &'a ComponentId,
}

/// Redeems an authorization code.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct QueryAuthRequest<'a> {
    /// The component.
    pub component_appid: &'a ComponentId,
    /// The code, percent-decoded.
    #[serde(serialize_with = "expose")]
    pub authorization_code: &'a Secret,
}

/// Asks for an account's next access token.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AuthorizerTokenRequest<'a> {
    /// The component.
    pub component_appid: &'a ComponentId,
    /// The account.
    pub authorizer_appid: &'a AuthorizerId,
    /// Its refresh token. An empty one would give 61023.
    #[serde(serialize_with = "expose")]
    pub authorizer_refresh_token: &'a Secret,
}

/// Asks for an account's profile, permission sets and refresh token.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AuthorizerInfoRequest<'a> {
    /// The component.
    pub component_appid: &'a ComponentId,
    /// The account.
    pub authorizer_appid: &'a AuthorizerId,
}

/// Asks for a page of the list of accounts.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AuthorizerListRequest<'a> {
    /// The component.
    pub component_appid: &'a ComponentId,
    /// How many accounts to skip. The order is not promised: let pages overlap.
    pub offset: u64,
    /// How many to list, at most [`AuthorizerListRequest::MAX_COUNT`].
    pub count: u64,
}

impl AuthorizerListRequest<'_> {
    /// Longest page; more is refused with 40170.
    pub const MAX_COUNT: u64 = 500;
}

/// Asks for tickets to be sent again.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StartPushTicketRequest<'a> {
    /// The component.
    pub component_appid: &'a ComponentId,
    /// Its secret. Here the name is another one than in [`ComponentTokenRequest`].
    #[serde(serialize_with = "expose")]
    pub component_secret: &'a Secret,
}

/// Sends a text to a user of an account, under the account's token.
#[derive(Clone, Copy, Debug)]
pub struct CustomTextRequest<'a> {
    /// The component that acts for the account; it is not sent.
    pub component_appid: &'a ComponentId,
    /// The user's openid.
    pub to_user: &'a str,
    /// The text.
    pub content: &'a Secret,
}

impl Serialize for CustomTextRequest<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_struct("CustomText", 3)?;
        body.serialize_field("touser", self.to_user)?;
        body.serialize_field("msgtype", "text")?;
        body.serialize_field("text", &BTreeMap::from([("content", self.content.expose())]))?;
        body.end()
    }
}

macro_rules! requests {
    ($($request:ident => $api:ident, $reply:ident;)*) => {
        $(impl Request for $request<'_> {
            type Reply = $reply;
            const API: Api = Api::$api;

            fn component(&self) -> &ComponentId {
                self.component_appid
            }
        })*
    };
}

requests! {
    ComponentTokenRequest => ComponentToken, ComponentTokenReply;
    PreauthCodeRequest => CreatePreauthCode, PreauthCodeReply;
    QueryAuthRequest => QueryAuth, QueryAuthReply;
    AuthorizerTokenRequest => AuthorizerToken, AuthorizerTokenReply;
    AuthorizerInfoRequest => GetAuthorizerInfo, AuthorizerInfoReply;
    AuthorizerListRequest => GetAuthorizerList, AuthorizerListAnswer;
    StartPushTicketRequest => StartPushTicket, StartPushTicketReply;
    CustomTextRequest => CustomSend, CustomSendReply;
}
