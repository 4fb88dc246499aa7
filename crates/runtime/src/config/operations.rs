//! `[reconcile]`, `[webhooks]`, `[log]`: how the service looks after itself.

use std::time::Duration;

use ipnet::IpNet;

use super::{duration::Every, scalar::Setting, section::Section};
use crate::telemetry;

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

/// `[log]`: what is logged and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The form of a line.
    pub format: LogFormat,
    /// A level, or directives such as `info,mandate_ingress=debug`.
    pub level: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// JSON unless stderr is a terminal.
    #[default]
    Auto,
    /// One JSON object.
    Json,
    /// Text for people.
    Text,
}

impl Log {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let log = Self {
            format: section.get("format", LogFormat::Auto),
            level: section.get("level", Level("info".to_owned())).0,
        };
        section.finish();
        log
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: "info".to_owned() }
    }
}

impl Setting for LogFormat {
    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err("must be \"auto\", \"json\" or \"text\"".to_owned()),
        }
    }

    fn show(&self) -> String {
        let text = match self {
            Self::Auto => "auto",
            Self::Json => "json",
            Self::Text => "text",
        };
        text.to_owned()
    }
}

/// A level that [`telemetry::init`] will understand.
struct Level(String);

impl Setting for Level {
    fn from_text(text: &str) -> Result<Self, String> {
        telemetry::check_level(text).map(|()| Self(text.to_owned())).map_err(|error| error.to_string())
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}
