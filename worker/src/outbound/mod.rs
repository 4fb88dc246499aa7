//! What leaves the log: events to the broker and to webhooks.

pub mod publisher;
pub mod webhooks;
