//! The component APIs that we call: paths, requests, answers.
//!
//! JSON both ways, always POST. A failure comes as HTTP 200 with an `errcode`: [`decode`] decides on that number alone.

mod body;
mod decode;
mod error;
mod info;
mod lenient;
mod reply;
mod request;

pub use crate::json::{Repair, Repairs};
pub use body::begins_as_answer;
pub use decode::{Decoded, Reply, decode, errcode_of};
pub use error::{Refusal, ReplyError};
pub use info::{AuthorizationInfo, AuthorizerInfoReply, QueryAuthReply};
pub use reply::{
    AuthorizerListAnswer, AuthorizerListReply, AuthorizerTokenReply, ComponentTokenReply, CustomSendReply,
    ListedAuthorizer, PreauthCodeReply, StartPushTicketReply,
};
pub use request::{
    AuthorizerInfoRequest, AuthorizerListRequest, AuthorizerTokenRequest, ComponentTokenRequest,
    CustomTextRequest, PreauthCodeRequest, QueryAuthRequest, Request, StartPushTicketRequest, encode,
};

/// A component API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// Ticket and secret for the component's own token.
    ComponentToken,
    /// A one-time code for one authorization link.
    CreatePreauthCode,
    /// An authorization code for an account's tokens. A code can be redeemed once.
    QueryAuth,
    /// A refresh token for an account's next access token.
    AuthorizerToken,
    /// An account's profile, permission sets and refresh token.
    GetAuthorizerInfo,
    /// All accounts that authorize the component, page by page.
    GetAuthorizerList,
    /// Makes `WeChat` send tickets again. Not in a loop.
    StartPushTicket,
    /// A customer-service message of an account to one of its users, under the account's token.
    CustomSend,
}

impl Api {
    /// Every one of them.
    pub const ALL: [Self; 8] = [
        Self::ComponentToken,
        Self::CreatePreauthCode,
        Self::QueryAuth,
        Self::AuthorizerToken,
        Self::GetAuthorizerInfo,
        Self::GetAuthorizerList,
        Self::StartPushTicket,
        Self::CustomSend,
    ];

    /// The path under the API's base address.
    pub fn path(self) -> &'static str {
        match self {
            Self::ComponentToken => "/cgi-bin/component/api_component_token",
            Self::CreatePreauthCode => "/cgi-bin/component/api_create_preauthcode",
            Self::QueryAuth => "/cgi-bin/component/api_query_auth",
            Self::AuthorizerToken => "/cgi-bin/component/api_authorizer_token",
            Self::GetAuthorizerInfo => "/cgi-bin/component/api_get_authorizer_info",
            Self::GetAuthorizerList => "/cgi-bin/component/api_get_authorizer_list",
            Self::StartPushTicket => "/cgi-bin/component/api_start_push_ticket",
            Self::CustomSend => "/cgi-bin/message/custom/send",
        }
    }

    /// The name in metrics and logs: the path without what all have in common.
    pub fn name(self) -> &'static str {
        self.path().trim_start_matches("/cgi-bin/").trim_start_matches("component/")
    }

    /// Whose access token the call carries.
    pub fn token(self) -> Option<TokenOf> {
        match self {
            Self::ComponentToken | Self::StartPushTicket => None,
            Self::CreatePreauthCode
            | Self::QueryAuth
            | Self::AuthorizerToken
            | Self::GetAuthorizerInfo
            | Self::GetAuthorizerList => Some(TokenOf::Component),
            Self::CustomSend => Some(TokenOf::Authorizer),
        }
    }
}

/// Whose access token a call carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenOf {
    /// The component's.
    Component,
    /// The account's that the component acts for.
    Authorizer,
}

impl TokenOf {
    /// The query parameter that holds it. Newer pages of `WeChat`'s documentation call the component's `access_token` too; both
    /// work.
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Component => "component_access_token",
            Self::Authorizer => "access_token",
        }
    }
}

#[cfg(test)]
mod tests;
