//! What we get from the calls about tokens and lists.

use mandate_schema::{AuthorizerId, CreateTime, Secret};
use serde::Deserialize;

use super::{Reply, ReplyError, decode::wire, lenient};

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
    /// How many there are in all.
    pub total_count: u64,
    /// The accounts of this page.
    pub list: Vec<ListedAuthorizer>,
    /// Entries of this page without a readable appid. Nobody may be taken for gone while there are some.
    pub unreadable: usize,
}

/// An account of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAuthorizer {
    /// The account.
    pub authorizer_appid: AuthorizerId,
    /// Its refresh token; `None` if the code of the authorization was never redeemed.
    pub refresh_token: Option<Secret>,
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
    #[serde(default, deserialize_with = "lenient::secret")]
    component_access_token: Option<Secret>,
    #[serde(default, deserialize_with = "lenient::secret")]
    pre_auth_code: Option<Secret>,
    #[serde(default, deserialize_with = "lenient::secret")]
    authorizer_access_token: Option<Secret>,
    #[serde(default, deserialize_with = "lenient::secret")]
    authorizer_refresh_token: Option<Secret>,
    #[serde(default, deserialize_with = "lenient::count")]
    expires_in: Option<u64>,
}

impl TokenWire {
    fn expires_in(&self) -> Result<u64, ReplyError> {
        self.expires_in.ok_or(ReplyError::MissingField("expires_in"))
    }
}

fn required<T>(field: Option<T>, name: &'static str) -> Result<T, ReplyError> {
    field.ok_or(ReplyError::MissingField(name))
}

impl Reply for ComponentTokenReply {
    fn read(body: &[u8]) -> Result<Self, ReplyError> {
        let wire: TokenWire = wire(body)?;
        Ok(Self {
            expires_in: wire.expires_in()?,
            component_access_token: required(wire.component_access_token, "component_access_token")?,
        })
    }
}

impl Reply for PreauthCodeReply {
    fn read(body: &[u8]) -> Result<Self, ReplyError> {
        let wire: TokenWire = wire(body)?;
        Ok(Self {
            expires_in: wire.expires_in()?,
            pre_auth_code: required(wire.pre_auth_code, "pre_auth_code")?,
        })
    }
}

impl Reply for AuthorizerTokenReply {
    fn read(body: &[u8]) -> Result<Self, ReplyError> {
        let wire: TokenWire = wire(body)?;
        Ok(Self {
            expires_in: wire.expires_in()?,
            access_token: required(wire.authorizer_access_token, "authorizer_access_token")?,
            refresh_token: wire.authorizer_refresh_token,
        })
    }
}

/// JSON form of a page of the list.
#[derive(Deserialize)]
struct ListWire {
    #[serde(default, deserialize_with = "lenient::count")]
    total_count: Option<u64>,
    #[serde(default, deserialize_with = "lenient::list")]
    list: Option<Vec<ListedWire>>,
}

#[derive(Deserialize)]
struct ListedWire {
    #[serde(default, deserialize_with = "lenient::authorizer")]
    authorizer_appid: Option<AuthorizerId>,
    #[serde(default, deserialize_with = "lenient::secret")]
    refresh_token: Option<Secret>,
    #[serde(default, deserialize_with = "lenient::integer")]
    auth_time: Option<i64>,
}

impl ListedWire {
    fn read(self) -> Option<ListedAuthorizer> {
        Some(ListedAuthorizer {
            authorizer_appid: self.authorizer_appid?,
            refresh_token: self.refresh_token,
            auth_time: self.auth_time.map(CreateTime),
        })
    }
}

impl Reply for AuthorizerListReply {
    fn read(body: &[u8]) -> Result<Self, ReplyError> {
        let wire: ListWire = wire(body)?;
        let total_count = required(wire.total_count, "total_count")?;
        let entries = match wire.list {
            None if total_count == 0 => Vec::new(),
            list => required(list, "list")?,
        };
        let entry_count = entries.len();
        let list: Vec<_> = entries.into_iter().filter_map(ListedWire::read).collect();
        Ok(Self { total_count, unreadable: entry_count - list.len(), list })
    }
}

impl Reply for StartPushTicketReply {
    fn read(_: &[u8]) -> Result<Self, ReplyError> {
        Ok(Self)
    }
}

impl Reply for CustomSendReply {
    fn read(_: &[u8]) -> Result<Self, ReplyError> {
        Ok(Self)
    }
}
