//! What we get from the calls about one authorization.

use mandate_schema::{AccountKind, AuthorizerId, Profile, Secret};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use super::{
    Reply, ReplyError,
    decode::wire,
    lenient::{self, Token},
    reply::TOKEN_LIFE,
};

/// The answer to a redeemed code: the only call that yields tokens for a new authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryAuthReply {
    /// The authorization with its tokens.
    pub authorization_info: AuthorizationInfo,
}

/// An account's profile and authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizerInfoReply {
    /// The account; `None` if the answer left it out. Texts may be empty or stale for a while after a change.
    pub profile: Option<Profile>,
    /// The authorization, without an access token. All of it is missing if the answer left it out.
    pub authorization_info: AuthorizationInfo,
}

/// An authorization as `WeChat` tells it. An account without any API permission has no tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorizationInfo {
    /// The account.
    pub authorizer_appid: Option<AuthorizerId>,
    /// The access token; never in the answer about an account's profile.
    pub access_token: Option<Secret>,
    /// Its life in seconds, from when the request was sent.
    pub expires_in: Option<u64>,
    /// The refresh token; never an empty one.
    pub refresh_token: Option<Secret>,
    /// Whether there is a refresh token whose bytes arrived damaged: that none was named is no finding then.
    pub refresh_token_is_damaged: bool,
    /// The permission sets the merchant ticked, ascending, each once; an open list of integers. `None` if the answer does
    /// not say, which is another thing than none at all.
    pub permissions: Option<Vec<i64>>,
}

#[derive(Deserialize)]
struct AuthorizationWire {
    #[serde(default, deserialize_with = "lenient::authorizer")]
    authorizer_appid: Option<AuthorizerId>,
    /// What old samples call it. No alias: serde would refuse an answer that has both.
    #[serde(default, deserialize_with = "lenient::authorizer")]
    appid: Option<AuthorizerId>,
    #[serde(default)]
    authorizer_access_token: Token,
    #[serde(default, deserialize_with = "lenient::count")]
    expires_in: Option<u64>,
    #[serde(default)]
    authorizer_refresh_token: Token,
    #[serde(default, deserialize_with = "lenient::list")]
    func_info: Option<Vec<Option<Permission>>>,
}

#[derive(Deserialize)]
struct Permission {
    #[serde(default, deserialize_with = "lenient::object")]
    funcscope_category: Option<lenient::Id>,
}

impl From<AuthorizationWire> for AuthorizationInfo {
    fn from(wire: AuthorizationWire) -> Self {
        let ids = |list: Vec<Option<Permission>>| {
            let mut ids: Vec<i64> = list.into_iter().filter_map(|set| set?.funcscope_category?.id).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        let access_token = wire.authorizer_access_token.whole();
        Self {
            authorizer_appid: wire.authorizer_appid.or(wire.appid),
            expires_in: wire.expires_in.or_else(|| access_token.as_ref().map(|_| TOKEN_LIFE)),
            access_token,
            refresh_token_is_damaged: wire.authorizer_refresh_token.is_damaged(),
            refresh_token: wire.authorizer_refresh_token.whole(),
            permissions: wire.func_info.map(ids),
        }
    }
}

#[derive(Deserialize)]
struct ProfileWire {
    #[serde(default, deserialize_with = "lenient::text")]
    nick_name: Option<String>,
    #[serde(default, deserialize_with = "lenient::id")]
    user_name: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    principal_name: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    head_img: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    alias: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    qrcode_url: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    signature: Option<String>,
    #[serde(default, deserialize_with = "lenient::object")]
    service_type_info: Option<lenient::Id>,
    #[serde(default, deserialize_with = "lenient::object")]
    verify_type_info: Option<lenient::Id>,
    #[serde(default, deserialize_with = "lenient::integer")]
    account_status: Option<i64>,
    #[serde(default, deserialize_with = "lenient::integer")]
    register_type: Option<i64>,
    #[serde(rename = "MiniProgramInfo")]
    mini_program: Block,
    #[serde(rename = "channels_info")]
    channels: Block,
    #[serde(rename = "store_info")]
    store: Block,
    #[serde(rename = "talent_info")]
    talent: Block,
    #[serde(rename = "supplier_info")]
    supplier: Block,
}

/// A block of details, there and not null, or not; what is in it does not matter.
type Block = Option<IgnoredAny>;

impl ProfileWire {
    /// The kind is told by which block of details is there; an official account has none.
    fn kind(&self) -> AccountKind {
        let blocks = [
            (&self.mini_program, AccountKind::MiniProgram),
            (&self.channels, AccountKind::Channels),
            (&self.store, AccountKind::Store),
            (&self.talent, AccountKind::Talent),
            (&self.supplier, AccountKind::Supplier),
        ];
        blocks
            .into_iter()
            .find(|(block, _)| block.is_some())
            .map_or(AccountKind::OfficialAccount, |(_, kind)| kind)
    }
}

impl From<ProfileWire> for Profile {
    fn from(wire: ProfileWire) -> Self {
        Self {
            kind: wire.kind(),
            nick_name: wire.nick_name,
            user_name: wire.user_name,
            principal_name: wire.principal_name,
            head_img: wire.head_img,
            alias: wire.alias,
            qrcode_url: wire.qrcode_url,
            signature: wire.signature,
            service_type: wire.service_type_info.and_then(|info| info.id),
            verify_type: wire.verify_type_info.and_then(|info| info.id),
            account_status: wire.account_status,
            register_type: wire.register_type,
        }
    }
}

/// JSON form of both answers.
#[derive(Deserialize)]
struct InfoWire {
    #[serde(default, deserialize_with = "lenient::object")]
    authorizer_info: Option<ProfileWire>,
    #[serde(default, deserialize_with = "lenient::object")]
    authorization_info: Option<AuthorizationWire>,
}

impl Reply for QueryAuthReply {
    fn read(answer: Value) -> Result<Self, ReplyError> {
        let wire: InfoWire = wire(answer)?;
        let info = wire.authorization_info.ok_or(ReplyError::MissingField("authorization_info"))?;
        Ok(Self { authorization_info: info.into() })
    }
}

impl Reply for AuthorizerInfoReply {
    fn read(answer: Value) -> Result<Self, ReplyError> {
        let wire: InfoWire = wire(answer)?;
        Ok(Self {
            profile: wire.authorizer_info.map(Profile::from),
            authorization_info: wire.authorization_info.map(AuthorizationInfo::from).unwrap_or_default(),
        })
    }
}
