//! The process shell of every door: settings, logs, metrics, stop, health, and the few helpers all of them share.
//!
//! Nothing here knows what the service does; a door composes these parts in its `main`.

pub mod config;
pub mod disk;
pub mod failpoint;
pub mod health;
pub mod http_client;
pub mod jitter;
pub mod language;
pub mod metrics;
pub mod open_files;
pub mod outage;
pub mod process;
pub mod random;
pub mod stop;
pub mod strangers;
pub mod telemetry;
pub mod throttle;
pub mod tls;
pub mod web;
