//! `[reconcile]` and `[webhooks]`: how the service looks after itself.

use std::time::Duration;

use ipnet::IpNet;

use super::{duration::Every, section::Section};

/// `[reconcile]`: the comparison with `WeChat`'s list of authorizers.
#[derive(Clone, Debug)]
pub struct Reconcile {
    /// The time from one run to the next.
    pub every: Every,
    /// The most calls to `WeChat` in a minute.
    pub calls_per_minute: u32,
}

impl Reconcile {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let reconcile = Self {
            every: section.get("every", Every::Period(Duration::from_hours(24))),
            calls_per_minute: section.get("calls_per_minute", 60),
        };
        section.finish();
        reconcile
    }
}

/// `[webhooks]`: outgoing webhooks.
#[derive(Clone, Debug)]
pub struct Webhooks {
    /// Private networks that an endpoint may resolve to all the same.
    pub allow_private: Vec<IpNet>,
    /// An endpoint that has failed for so long is disabled.
    pub disable_after: Duration,
}

impl Webhooks {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let webhooks = Self {
            allow_private: section.list("allow_private"),
            disable_after: section.get("disable_after", Duration::from_hours(5 * 24)),
        };
        section.finish();
        webhooks
    }
}
