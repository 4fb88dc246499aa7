//! The long-running processes: wiring of settings, stores, doors and background work.

mod core;
mod simulator;
mod standalone;

pub(crate) use core::core_for_commands;
pub(crate) use simulator::{platform, simulator};
pub(crate) use standalone::{Running, standalone, start};

use std::time::Duration;

/// How long a stop may take: longer than any call to `WeChat` under way.
pub(crate) const GRACE: Duration = Duration::from_secs(25);
