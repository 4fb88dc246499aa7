//! What comes from `WeChat`: callbacks and messages, on their way into the log, and what could not be decided.

mod alone;
pub(crate) mod dead_letters;
pub(crate) mod inbox;
pub(crate) mod ingest;
pub mod messages;
pub(crate) mod opener;
mod redelivered;
mod turns;
mod way;
