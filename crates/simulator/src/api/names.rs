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
    JsCodeToSession,
    UserToken,
    RenewUserToken,
    TemplateList,
    TemplateDrafts,
    FastRegister,
    GetOption,
    SetOption,
    GetOptionNow,
    SetOptionNow,
}

impl Api {
    /// All of them.
    pub(crate) const ALL: [Self; 20] = [
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
        Self::JsCodeToSession,
        Self::UserToken,
        Self::RenewUserToken,
        Self::TemplateList,
        Self::TemplateDrafts,
        Self::FastRegister,
        Self::GetOption,
        Self::SetOption,
        Self::GetOptionNow,
        Self::SetOptionNow,
    ];

    /// The path below `/cgi-bin/component/`; of the one call for an account, below `/cgi-bin/message/`; elsewhere, all of it.
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
            Self::JsCodeToSession => "/sns/component/jscode2session",
            Self::UserToken => "/sns/oauth2/component/access_token",
            Self::RenewUserToken => "/sns/oauth2/component/refresh_token",
            Self::TemplateList => "/wxa/gettemplatelist",
            Self::TemplateDrafts => "/wxa/gettemplatedraftlist",
            Self::FastRegister => "fastregisterweapp",
            Self::GetOption => "api_get_authorizer_option",
            Self::SetOption => "api_set_authorizer_option",
            Self::GetOptionNow => "get_authorizer_option",
            Self::SetOptionNow => "set_authorizer_option",
        }
    }

    /// The API of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|api| api.name() == name)
    }

    /// Whether it is asked with GET.
    pub(crate) fn is_get(self) -> bool {
        self.name().starts_with('/')
    }

    /// Whether it names the platform in its body, and wants its token in the query.
    pub(crate) fn wants_component_token(self) -> bool {
        matches!(
            self,
            Self::CreatePreAuthCode
                | Self::QueryAuth
                | Self::AuthorizerToken
                | Self::AuthorizerInfo
                | Self::AuthorizerList
                | Self::ClearQuota
        )
    }
}
