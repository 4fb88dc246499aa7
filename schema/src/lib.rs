//! The ground floor of Mandate: everything that outlives a release and that all parts must agree on.
//!
//! Ids, streams, events with their stored forms, sealing, `CloudEvents`, SQL texts. Pure: no async, no clock, no
//! environment, no I/O; keys, nonces and times are arguments.

mod document;
mod ids;
mod push;
mod secret;

pub use document::{Document, is_secret_element};
pub use ids::{AuthorizerId, CallbackId, CodeDigest, CommandId, ComponentId, CreateTime, EventId, InvalidId, TaskId};
pub use push::{PairId, Push, PushKind};
pub use secret::Secret;
