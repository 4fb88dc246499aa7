//! The events of the log: facts in the past tense.
//!
//! An [`Event`] is the public data of one fact, exactly as it is published. Secrets never stand in it: they travel beside
//! it as sealed fields ([`Field`]).

use serde::{Deserialize, Serialize};

use crate::{CodeDigest, CreateTime, Document, Profile};

/// One fact. The serialised form is `{"type": name, "data": {…}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum Event {
    /// `WeChat` pushed a ticket (sealed field `ticket`).
    #[serde(rename = "component.ticket_received")]
    TicketReceived(TicketReceived),
    /// `WeChat` pushed something else to the auth-event URL; kept whole, whether we know it or not.
    #[serde(rename = "component.notice_received")]
    NoticeReceived(NoticeReceived),
    /// An account that was not held has authorized the component.
    #[serde(rename = "authorization.granted")]
    Granted(Granted),
    /// An account that was held has confirmed its authorization again, perhaps with other permissions.
    #[serde(rename = "authorization.updated")]
    Updated(Granted),
    /// The account has revoked its authorization.
    #[serde(rename = "authorization.revoked")]
    Revoked(Revoked),
    /// The permission sets that the account grants are others than before.
    #[serde(rename = "authorization.permissions_changed")]
    PermissionsChanged(PermissionsChanged),
    /// A code was redeemed (sealed field `refresh_token` if `WeChat` gave one).
    #[serde(rename = "credentials.issued")]
    CredentialsIssued(CredentialsIssued),
    /// A refresh brought another refresh token (sealed field `refresh_token`).
    #[serde(rename = "credentials.rotated")]
    CredentialsRotated(CredentialsRotated),
    /// `WeChat` refuses our credentials, and recovery failed.
    #[serde(rename = "credentials.rejected")]
    CredentialsRejected(CredentialsRejected),
    /// A refresh token was recovered (sealed field `refresh_token`).
    #[serde(rename = "credentials.recovered")]
    CredentialsRecovered(CredentialsRecovered),
    /// A code could not be redeemed, and recovery failed.
    #[serde(rename = "redemption.failed")]
    RedemptionFailed(RedemptionFailed),
    /// The account's profile, recorded when it differs from the last one. `None` once it has been erased.
    #[serde(rename = "profile.recorded")]
    ProfileRecorded(Option<Profile>),
    /// The account's secrets and personal data were erased.
    #[serde(rename = "authorizer.erased")]
    Erased(Erased),
    /// A webhook endpoint was disabled after failing for too long.
    #[serde(rename = "webhook.disabled")]
    WebhookDisabled(WebhookDisabled),
}

/// See [`Event::TicketReceived`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TicketReceived {
    /// `WeChat`'s time of the push.
    pub create_time: CreateTime,
}

/// See [`Event::NoticeReceived`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NoticeReceived {
    /// `WeChat`'s name for the kind of notice.
    pub info_type: String,
    /// `WeChat`'s time of the push.
    pub create_time: CreateTime,
    /// All elements but secret ones; `None` once they have been erased.
    pub document: Option<Document>,
}

/// See [`Event::Granted`] and [`Event::Updated`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Granted {
    /// `WeChat`'s time: `CreateTime`, or `auth_time` if reconciled; `None` if it did not say.
    pub create_time: Option<CreateTime>,
    /// The authorization code that came with it.
    pub code_digest: Option<CodeDigest>,
    /// When that code expires, Unix seconds of `WeChat`'s clock.
    pub code_expires_at: Option<CreateTime>,
    /// How we learned of it.
    pub via: GrantedVia,
    /// The operator's tag of the authorization link that was used.
    pub tag: Option<String>,
}

/// How a grant was learned of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum GrantedVia {
    /// A callback of `WeChat`.
    Callback,
    /// The merchant's browser, returning from the consent page.
    Redirect,
    /// A registration notice with a code.
    Notice,
    /// The release check's `QUERY_AUTH_CODE` message.
    ReleaseCheck,
    /// `WeChat`'s list of authorizers.
    Reconciled,
    /// An answer to `api_get_authorizer_info`.
    Confirmed,
    /// An import by the operator.
    Imported,
}

/// See [`Event::Revoked`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Revoked {
    /// `WeChat`'s time of the callback; `None` if it was confirmed by a call.
    pub create_time: Option<CreateTime>,
    /// How we learned of it.
    pub via: RevokedVia,
}

/// How a revocation was learned of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RevokedVia {
    /// A callback of `WeChat`.
    Callback,
    /// `WeChat` answered a call with 61003: this account does not authorize us.
    Confirmed,
}

/// See [`Event::PermissionsChanged`]. Ids are open integers: `WeChat` adds sets often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PermissionsChanged {
    /// All sets granted now, ascending.
    pub permissions: Vec<i64>,
    /// Sets that were not granted before.
    pub gained: Vec<i64>,
    /// Sets that are no longer granted.
    pub lost: Vec<i64>,
}

/// See [`Event::CredentialsIssued`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CredentialsIssued {
    /// Number of facts in the stream when the credentials came.
    pub generation: u64,
    /// The code that was redeemed.
    pub code_digest: CodeDigest,
}

/// See [`Event::CredentialsRotated`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CredentialsRotated {
    /// Number of facts in the stream when the credentials came.
    pub generation: u64,
}

/// See [`Event::CredentialsRejected`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CredentialsRejected {
    /// `WeChat`'s error number.
    pub errcode: i64,
    /// `WeChat`'s error text.
    pub errmsg: String,
    /// `WeChat`'s request id.
    pub rid: Option<String>,
}

/// See [`Event::CredentialsRecovered`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CredentialsRecovered {
    /// Number of facts in the stream when the credentials came.
    pub generation: u64,
    /// Where the refresh token was found.
    pub source: RecoverySource,
}

/// Which call gave a lost refresh token back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RecoverySource {
    /// `api_get_authorizer_info`.
    Info,
    /// `api_get_authorizer_list`.
    List,
    /// It is the one that was held: it works after all.
    Held,
}

/// See [`Event::RedemptionFailed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RedemptionFailed {
    /// The code that was refused.
    pub code_digest: CodeDigest,
    /// `WeChat`'s error number.
    pub errcode: i64,
    /// `WeChat`'s error text.
    pub errmsg: String,
    /// `WeChat`'s request id.
    pub rid: Option<String>,
}

/// See [`Event::Erased`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Erased {
    /// Who asked for it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// See [`Event::WebhookDisabled`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WebhookDisabled {
    /// The endpoint's address.
    pub endpoint: String,
    /// Since when all deliveries failed.
    #[serde(serialize_with = "crate::serialize_time")]
    pub since: jiff::Timestamp,
}

/// A field of an event that is stored sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The component verify ticket. Never published.
    Ticket,
    /// The authorizer's refresh token. Never published.
    RefreshToken,
    /// The secret elements of a notice. Never published.
    Secrets,
    /// The other elements of a notice. Published until erased.
    Document,
    /// The account's profile. Published until erased.
    Profile,
}

impl Field {
    /// The name in storage and in the associated data of the seal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::RefreshToken => "refresh_token",
            Self::Secrets => "secrets",
            Self::Document => "document",
            Self::Profile => "profile",
        }
    }
}

impl Event {
    /// The stored type name, for example `authorization.granted`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TicketReceived(_) => "component.ticket_received",
            Self::NoticeReceived(_) => "component.notice_received",
            Self::Granted(_) => "authorization.granted",
            Self::Updated(_) => "authorization.updated",
            Self::Revoked(_) => "authorization.revoked",
            Self::PermissionsChanged(_) => "authorization.permissions_changed",
            Self::CredentialsIssued(_) => "credentials.issued",
            Self::CredentialsRotated(_) => "credentials.rotated",
            Self::CredentialsRejected(_) => "credentials.rejected",
            Self::CredentialsRecovered(_) => "credentials.recovered",
            Self::RedemptionFailed(_) => "redemption.failed",
            Self::ProfileRecorded(_) => "profile.recorded",
            Self::Erased(_) => "authorizer.erased",
            Self::WebhookDisabled(_) => "webhook.disabled",
        }
    }

    /// When `WeChat` says that it happened, if it said so.
    pub fn create_time(&self) -> Option<CreateTime> {
        match self {
            Self::TicketReceived(ticket) => Some(ticket.create_time),
            Self::NoticeReceived(notice) => Some(notice.create_time),
            Self::Granted(grant) | Self::Updated(grant) => grant.create_time,
            Self::Revoked(revoked) => revoked.create_time,
            Self::PermissionsChanged(_)
            | Self::CredentialsIssued(_)
            | Self::CredentialsRotated(_)
            | Self::CredentialsRejected(_)
            | Self::CredentialsRecovered(_)
            | Self::RedemptionFailed(_)
            | Self::ProfileRecorded(_)
            | Self::Erased(_)
            | Self::WebhookDisabled(_) => None,
        }
    }
}
