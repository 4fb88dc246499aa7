//! The ground floor of Mandate: everything that outlives a release and that all parts must agree on.
//!
//! Ids, streams, events with their stored forms, sealing, `CloudEvents`, SQL texts. Pure: no async, no clock, no
//! environment, no I/O; keys, nonces and times are arguments.

mod api_key;
#[cfg(test)]
mod catalogue;
mod cloud_event;
mod document;
mod documents;
mod event;
mod event_schemas;
mod ids;
pub mod journal_sql;
mod message_event;
mod profile;
mod push;
mod seal;
mod secret;
pub mod sql;
mod stored;
mod stream;
mod time;

pub use api_key::{ApiKey, ApiKeyRecord, Reach, Scope};
pub use cloud_event::CloudEvent;
pub use document::{Document, is_secret_element};
pub use documents::{ASYNCAPI, OPENAPI};
pub use event::{
    CredentialsIssued, CredentialsRecovered, CredentialsRejected, CredentialsRotated, Erased, Event, Field,
    Granted, GrantedVia, NoticeReceived, PermissionsChanged, RecoverySource, RedemptionFailed, Revoked,
    RevokedVia, TicketReceived, WebhookDisabled,
};
pub use event_schemas::{EVENT_SCHEMAS, event_schema};
pub use ids::{
    AuthorizerId, CallbackId, CodeDigest, CommandId, ComponentId, CreateTime, EventId, InvalidId, TaskId,
};
pub use message_event::{MESSAGE_TYPE, MessageData, MessageEvent};
pub use profile::{AccountKind, Profile};
pub use push::{PairId, Push, PushKind};
pub use seal::{DataKey, MasterKeys, NonceBytes, Place, SealError, SealedAt, SealedText, WrappedKey};
pub use secret::Secret;
pub use stored::{DecodeError, EVENT_FORM, EVENT_NAMES, EventRecord, SealedFields, StoredEvent};
pub use stream::{Position, StreamName, Version};
pub use time::{format_time, serialize_maybe_time, serialize_time};
