//! What is known about an authorizer's account.

use serde::{Deserialize, Serialize};

/// An account as its merchant presents it; personal data, so it is stored sealed.
///
/// Every text may be missing: `WeChat` answers with empty or stale fields for a while after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Profile {
    /// Displayed name.
    pub nick_name: Option<String>,
    /// Original id, `gh_` and 12 hex digits: the account's name in messages.
    pub user_name: Option<String>,
    /// What kind of account it is.
    pub kind: AccountKind,
    /// Who owns it.
    pub principal_name: Option<String>,
    /// Address of its picture.
    pub head_img: Option<String>,
    /// Its own choice of a `WeChat` id.
    pub alias: Option<String>,
    /// Address of its QR code.
    pub qrcode_url: Option<String>,
    /// What it says about itself.
    pub signature: Option<String>,
    /// Official account: 0 and 1 subscription, 2 service. Mini program: 0 ordinary, 2 and 3 store, 4 game, 10 shop, 12
    /// trial.
    pub service_type: Option<i64>,
    /// -1 not verified, 0 verified by `WeChat`, 1 via Weibo, 3 and 4 qualified but the name is pending.
    pub verify_type: Option<i64>,
    /// 1 normal, 14 cancelled, 16 banned, 18 warned, 19 frozen.
    pub account_status: Option<i64>,
    /// How it was registered: 0 ordinary, 6 fast registration, 13 trial, … (an open list).
    pub register_type: Option<i64>,
}

/// Kind of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// 公众号: subscription and service accounts.
    OfficialAccount,
    /// 小程序.
    MiniProgram,
    /// 视频号.
    Channels,
    /// 微信小店.
    Store,
    /// 带货达人.
    Talent,
    /// 供货商.
    Supplier,
}

impl AccountKind {
    /// The name in the API and in stored forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OfficialAccount => "official_account",
            Self::MiniProgram => "mini_program",
            Self::Channels => "channels",
            Self::Store => "store",
            Self::Talent => "talent",
            Self::Supplier => "supplier",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_written_as_it_is_named() {
        use AccountKind::{Channels, MiniProgram, OfficialAccount, Store, Supplier, Talent};
        for kind in [OfficialAccount, MiniProgram, Channels, Store, Talent, Supplier] {
            assert_eq!(serde_json::to_value(kind).expect("plain"), kind.as_str());
        }
    }

    #[test]
    fn a_profile_with_nothing_but_its_kind_is_readable() {
        let profile: Profile = serde_json::from_str(r#"{"kind":"mini_program"}"#).expect("stored form");
        assert_eq!((profile.kind, profile.nick_name), (AccountKind::MiniProgram, None));
    }
}
