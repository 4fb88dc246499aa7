//! `WeChat`'s door.
//!
//! ```text
//! WeChat ─► door: verify, open, name ─► journal (fsync) ─► "success"
//!                                          │ relay
//!                                          ▼
//!                                     CallbackSink
//! ```
//!
//! A callback is acknowledged once it is durable in the journal, never later because something behind it is slow or down,
//! and forgotten there only once the next place has it. No database, no API of `WeChat`, no master key: what is stored and
//! handed over is the push as `WeChat` sent it, still encrypted.

mod ask_worker;
mod door;
pub mod journal;
pub mod relay;
pub mod routes;
mod serve;
mod settings;
pub mod settler;
mod to_broker;

pub use ask_worker::{AskWorker, AskWorkerError};
pub use serve::{Running, ServeError, serve};
pub use settings::{Settings, SettingsError, key_ring};
pub use to_broker::ToBroker;
