//! What we get from the calls about tokens and lists.

use mandate_schema::{AuthorizerId, CreateTime, Secret};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{
    Reply, ReplyError,
    decode::wire,
    lenient::{self, Token},
};

/// Seconds that a token lives by the documentation, if its answer has no readable life. A token that was issued is never
/// thrown away for that: the refresh token beside it may be the only good one from now on.
pub(super) const TOKEN_LIFE: u64 = 7_200;
/// The shortest life of a pre-auth code in the documentation, in seconds.
const PREAUTH_CODE_LIFE: u64 = 600;

/// A component token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentTokenReply {
    /// The token.
    pub component_access_token: Secret,
    /// Its life in seconds, from when the request was sent.
    pub expires_in: u64,
}

/// A pre-auth code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreauthCodeReply {
    /// The code.
    pub pre_auth_code: Secret,
    /// Its life in seconds, from when the request was sent.
    pub expires_in: u64,
}

/// An account's next access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizerTokenReply {
    /// The access token.
    pub access_token: Secret,
    /// Its life in seconds, from when the request was sent.
    pub expires_in: u64,
    /// The refresh token from now on; usually the one that was sent. `None` leaves that in force.
    pub refresh_token: Option<Secret>,
}

/// A page of the accounts that authorize the component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizerListReply {
    /// How many there are in all, if the answer says so.
    pub total_count: Option<u64>,
    /// The accounts of this page.
    pub list: Vec<ListedAuthorizer>,
    /// Entries of this page without a readable appid. Nobody may be taken for gone while there are some.
    pub unreadable: usize,
}

impl AuthorizerListReply {
    /// Whether the page has no entries at all, not even unreadable ones: the list ends before it.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.unreadable == 0
    }
}

/// An answer that may be a page of the list: the offset that was asked for decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizerListAnswer {
    total_count: Option<u64>,
    list: AnsweredList,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum AnsweredList {
    /// Missing, or null.
    #[default]
    Absent,
    /// Not a list.
    Unreadable,
    /// Its entries; `None` is one that cannot be read.
    Entries(Vec<Option<ListedAuthorizer>>),
}

impl AuthorizerListAnswer {
    /// The page that was asked for at this offset. Without a list it is empty if nobody is counted from there on.
    ///
    /// # Errors
    ///
    /// [`ReplyError::MissingField`]: there should be a list, or it cannot be read.
    pub fn page(self, offset: u64) -> Result<AuthorizerListReply, ReplyError> {
        let entries = match self.list {
            AnsweredList::Entries(entries) => entries,
            AnsweredList::Absent if self.total_count.is_some_and(|total| offset >= total) => Vec::new(),
            AnsweredList::Absent | AnsweredList::Unreadable => return Err(ReplyError::MissingField("list")),
        };
        let entry_count = entries.len();
        let list: Vec<_> = entries.into_iter().flatten().collect();
        Ok(AuthorizerListReply { total_count: self.total_count, unreadable: entry_count - list.len(), list })
    }
}

/// An account of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAuthorizer {
    /// The account.
    pub authorizer_appid: AuthorizerId,
    /// Its refresh token; `None` if the code of the authorization was never redeemed, or if it is damaged.
    pub refresh_token: Option<Secret>,
    /// Whether there is a refresh token whose bytes arrived damaged: that none was named is no finding then.
    pub refresh_token_is_damaged: bool,
    /// When it authorized the component, in `WeChat`'s time.
    pub auth_time: Option<CreateTime>,
}

/// Tickets will come. Says nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartPushTicketReply;

/// The message was sent. Says nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CustomSendReply;

/// JSON form of the answers that are a token.
#[derive(Deserialize)]
struct TokenWire {
    #[serde(default)]
    component_access_token: Token,
    #[serde(default)]
    pre_auth_code: Token,
    #[serde(default)]
    authorizer_access_token: Token,
    #[serde(default)]
    authorizer_refresh_token: Token,
    #[serde(default, deserialize_with = "lenient::count")]
    expires_in: Option<u64>,
}

fn required<T>(field: Option<T>, name: &'static str) -> Result<T, ReplyError> {
    field.ok_or(ReplyError::MissingField(name))
}

impl Reply for ComponentTokenReply {
    fn read(answer: Value) -> Result<Self, ReplyError> {
        let wire: TokenWire = wire(answer)?;
        Ok(Self {
            expires_in: wire.expires_in.unwrap_or(TOKEN_LIFE),
            component_access_token: required(wire.component_access_token.whole(), "component_access_token")?,
        })
    }
}

impl Reply for PreauthCodeReply {
    fn read(answer: Value) -> Result<Self, ReplyError> {
        let wire: TokenWire = wire(answer)?;
        Ok(Self {
            expires_in: wire.expires_in.unwrap_or(PREAUTH_CODE_LIFE),
            pre_auth_code: required(wire.pre_auth_code.whole(), "pre_auth_code")?,
        })
    }
}

impl Reply for AuthorizerTokenReply {
    fn read(answer: Value) -> Result<Self, ReplyError> {
        let wire: TokenWire = wire(answer)?;
        Ok(Self {
            expires_in: wire.expires_in.unwrap_or(TOKEN_LIFE),
            access_token: required(wire.authorizer_access_token.whole(), "authorizer_access_token")?,
            refresh_token: wire.authorizer_refresh_token.whole(),
        })
    }
}

/// JSON form of a page of the list.
#[derive(Deserialize)]
struct ListWire {
    #[serde(default, deserialize_with = "lenient::count")]
    total_count: Option<u64>,
    #[serde(default)]
    list: AnsweredList,
}

#[derive(Deserialize)]
struct ListedWire {
    #[serde(default, deserialize_with = "lenient::authorizer")]
    authorizer_appid: Option<AuthorizerId>,
    #[serde(default)]
    refresh_token: Token,
    #[serde(default, deserialize_with = "lenient::integer")]
    auth_time: Option<i64>,
}

impl ListedWire {
    fn read(self) -> Option<ListedAuthorizer> {
        Some(ListedAuthorizer {
            authorizer_appid: self.authorizer_appid?,
            refresh_token_is_damaged: self.refresh_token.is_damaged(),
            refresh_token: self.refresh_token.whole(),
            auth_time: self.auth_time.map(CreateTime),
        })
    }
}

impl<'de> Deserialize<'de> for AnsweredList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value.is_null() {
            return Ok(Self::Absent);
        }
        let entries = lenient::entries::<ListedWire>(value);
        Ok(entries.map_or(Self::Unreadable, |entries| {
            Self::Entries(entries.into_iter().map(|entry| entry?.read()).collect())
        }))
    }
}

impl Reply for AuthorizerListAnswer {
    fn read(answer: Value) -> Result<Self, ReplyError> {
        let ListWire { total_count, list } = wire(answer)?;
        Ok(Self { total_count, list })
    }
}

impl Reply for StartPushTicketReply {
    fn read(_: Value) -> Result<Self, ReplyError> {
        Ok(Self)
    }
}

impl Reply for CustomSendReply {
    fn read(_: Value) -> Result<Self, ReplyError> {
        Ok(Self)
    }
}
