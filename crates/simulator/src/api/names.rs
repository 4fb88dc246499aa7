//! The APIs that are served.

/// One API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    ComponentToken,
    CreatePreAuthCode,
    QueryAuth,
    AuthorizerToken,
    AuthorizerInfo,
    AuthorizerList,
    StartPushTicket,
    ClearQuota,
    ClearQuotaV2,
    CustomSend,
}

impl Api {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::ComponentToken,
        Self::CreatePreAuthCode,
        Self::QueryAuth,
        Self::AuthorizerToken,
        Self::AuthorizerInfo,
        Self::AuthorizerList,
        Self::StartPushTicket,
        Self::ClearQuota,
        Self::ClearQuotaV2,
        Self::CustomSend,
    ];

    /// The path below `/cgi-bin/component/`; of the one call for an account, below `/cgi-bin/message/`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ComponentToken => "api_component_token",
            Self::CreatePreAuthCode => "api_create_preauthcode",
            Self::QueryAuth => "api_query_auth",
            Self::AuthorizerToken => "api_authorizer_token",
            Self::AuthorizerInfo => "api_get_authorizer_info",
            Self::AuthorizerList => "api_get_authorizer_list",
            Self::StartPushTicket => "api_start_push_ticket",
            Self::ClearQuota => "clear_quota",
            Self::ClearQuotaV2 => "clear_quota/v2",
            Self::CustomSend => "custom/send",
        }
    }

    /// The API of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|api| api.name() == name)
    }

    /// Whether the component token is to be in the query.
    pub(crate) fn wants_component_token(self) -> bool {
        match self {
            Self::ComponentToken | Self::StartPushTicket | Self::ClearQuotaV2 | Self::CustomSend => false,
            Self::CreatePreAuthCode
            | Self::QueryAuth
            | Self::AuthorizerToken
            | Self::AuthorizerInfo
            | Self::AuthorizerList
            | Self::ClearQuota => true,
        }
    }
}
