//! `[log]`: what is logged and how.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use super::{scalar::Setting, section::Section};

/// A text that is no level and no list of directives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be off, error, warn, info, debug or trace, or a list such as \"info,mandate_ingress=debug\"")]
pub struct BadLevel;

/// What is logged and how.
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
    /// The filter of [`Log::level`].
    ///
    /// # Errors
    ///
    /// [`BadLevel`] if the level is not understood; one of the settings always is.
    pub fn filter(&self) -> Result<EnvFilter, BadLevel> {
        filter(&self.level)
    }

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

/// A level or directives, as text.
struct Level(String);

impl Setting for Level {
    fn from_text(text: &str) -> Result<Self, String> {
        filter(text).map(|_| Self(text.to_owned())).map_err(|error| error.to_string())
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

/// Reads a level or a list of directives. A bare word that is no level would silence everything but a target of that
/// name; it is nearly always a misspelt level, so it is refused.
fn filter(text: &str) -> Result<EnvFilter, BadLevel> {
    let is_level = |text: &str| !text.trim().is_empty() && text.trim().parse::<LevelFilter>().is_ok();
    let is_directive = |text: &str| match text.rsplit_once('=') {
        Some((target, level)) => !target.trim().is_empty() && is_level(level),
        None => is_level(text),
    };
    if !text.split(',').all(is_directive) {
        return Err(BadLevel);
    }
    // Regular expressions over field values are not wanted and cost memory.
    EnvFilter::builder().with_regex(false).parse(text).map_err(|_| BadLevel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_level_is_refused_instead_of_silencing_the_log() {
        for bad in ["inof", "", "info,", "mandate_ingress=lots", "=info", "mandate_ingress"] {
            assert!(filter(bad).is_err(), "{bad:?} was accepted");
        }
        for good in ["info", "WARN", "off", "info,mandate_ingress=debug", "warn,actix_server=info,lapin=off"]
        {
            assert!(filter(good).is_ok(), "{good:?} was refused");
        }
    }
}
