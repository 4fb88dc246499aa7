//! What the address of the page asks for.

use mandate_schema::{AuthorizerId, ComponentId};
use reqwest::Url;

use super::Refusal;
use crate::state::AccountKind;

/// The two forms of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// For desktop browsers.
    Desktop,
    /// Inside the app.
    InWechat,
}

/// A question to a merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) component: ComponentId,
    pub(crate) pre_auth_code: String,
    redirect_uri: Url,
    auth_type: u8,
    /// The one account that may answer.
    pub(crate) account: Option<AuthorizerId>,
    /// The permission sets that are offered; `None`: the usual ones.
    pub(crate) permissions: Option<Vec<u32>>,
}

impl Question {
    /// Reads the query of the page's address and checks from where the browser comes.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub(crate) fn read(
        form: Form,
        query: &[(String, String)],
        referer: Option<&str>,
    ) -> Result<Self, Refusal> {
        let value = |wanted: &str| {
            let found = query.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
        };
        if form == Form::InWechat && (value("action"), value("no_scan")) != (Some("bindcomponent"), Some("1"))
        {
            return Err(Refusal::Parameter("action=bindcomponent and no_scan=1 are required"));
        }
        let component = value("component_appid").and_then(|id| id.parse().ok()).ok_or(Refusal::Component)?;
        let pre_auth_code = value("pre_auth_code").ok_or(Refusal::PreAuthCode)?.to_owned();
        let redirect_uri = value("redirect_uri").and_then(|url| Url::parse(url).ok()).filter(Url::has_host);
        let redirect_uri = redirect_uri.ok_or(Refusal::Parameter("redirect_uri is not an address"))?;
        let auth_type = value("auth_type").and_then(|text| text.parse().ok());
        let auth_type = auth_type.filter(|kind| [1, 2, 3, 4, 5, 6, 8].contains(kind));
        let account = value("biz_appid").map(str::parse).transpose();
        let permissions = value("category_id_list").map(|list| list.split('|').map(str::parse).collect());
        let question = Self {
            component,
            pre_auth_code,
            redirect_uri,
            auth_type: auth_type.ok_or(Refusal::Parameter("auth_type is required: 1 to 6 or 8"))?,
            account: account.map_err(|_| Refusal::Parameter("biz_appid is not an appid"))?,
            permissions: permissions
                .transpose()
                .map_err(|_| Refusal::Parameter("category_id_list must be numbers joined by |"))?,
        };
        question.check_referer(referer)?;
        Ok(question)
    }

    /// `WeChat` wants both on the platform's registered domain; here they must be on the same.
    fn check_referer(&self, referer: Option<&str>) -> Result<(), Refusal> {
        let came_from = referer.and_then(|referer| Url::parse(referer).ok()).ok_or(Refusal::Referer)?;
        let host = |url: &Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
        if host(&came_from) == host(&self.redirect_uri) { Ok(()) } else { Err(Refusal::Referer) }
    }

    /// Whether accounts of this kind may answer. A named account may, whatever its kind.
    pub(crate) fn takes(&self, kind: AccountKind) -> bool {
        match self.auth_type {
            1 => kind == AccountKind::OfficialAccount,
            2 | 4 => kind == AccountKind::MiniProgram,
            _ => true,
        }
    }

    /// Where the browser goes with its code.
    pub(crate) fn back(&self, code: &str, expires_in: i64) -> String {
        let mut url = self.redirect_uri.clone();
        url.query_pairs_mut()
            .append_pair("auth_code", code)
            .append_pair("expires_in", &expires_in.to_string());
        url.into()
    }
}
