//! Logs: one line per event on stderr, as JSON for machines or as text for a terminal.

use std::{
    io::{self, IsTerminal},
    panic::PanicHookInfo,
};

use tracing::{Subscriber, error, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer,
    filter::filter_fn,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::config::{BadLevel, Log, LogFormat};

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.level` is not understood.
    #[error("log.level {0}")]
    BadLevel(#[from] BadLevel),
    /// This process logs already.
    #[error("logging is set up already")]
    AlreadySet,
}

/// Starts logging to stderr as the settings say; panics are logged too. Only the settings count, no variable of the
/// environment. Call it once, first thing after the settings are loaded.
///
/// # Errors
///
/// [`TelemetryError`] if the level is not understood or logging was started before.
pub fn init(log: &Log) -> Result<(), TelemetryError> {
    let terminal = io::stderr().is_terminal();
    let subscriber = subscriber(log, terminal, io::stderr)?;
    subscriber.try_init().map_err(|_| TelemetryError::AlreadySet)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

fn subscriber<W>(log: &Log, terminal: bool, writer: W) -> Result<impl Subscriber + Send + Sync, BadLevel>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let json = match log.format {
        LogFormat::Auto => !terminal,
        LogFormat::Json => true,
        LogFormat::Text => false,
    };
    let lines = fmt::layer().with_writer(writer);
    let lines = if json {
        lines.json().flatten_event(true).with_span_list(false).boxed()
    } else if terminal {
        lines.boxed()
    } else {
        lines.with_ansi(false).boxed()
    };
    Ok(tracing_subscriber::registry().with(log.filter()?).with(lines.with_filter(harmless())))
}

/// Libraries stay silent below `info`, whatever the level: there they repeat what they carry, such as bodies and parameters.
fn harmless<S>() -> impl tracing_subscriber::layer::Filter<S> {
    filter_fn(|event| *event.level() <= LevelFilter::INFO || event.target().starts_with("mandate"))
}

/// Logs a panic like any other event, so that one parser reads all of stderr.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    error!(place, thread = std::thread::current().name(), "panic: {message}");
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What an event looks like in the log.
    fn logged(format: LogFormat, level: &str, terminal: bool) -> String {
        let lines = Lines::default();
        let log = Log { format, level: level.to_owned() };
        let writer = lines.clone();
        let subscriber = subscriber(&log, terminal, move || writer.clone()).expect("a good level");
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(event.count = 2, "appended 2 events");
            tracing::debug!("details");
            tracing::debug!(target: "lapin::channel", "a body");
        });
        let bytes = lines.0.lock().expect("no panic").clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn libraries_say_nothing_below_info() {
        let lines = logged(LogFormat::Json, "trace,lapin=trace", false);
        assert!(lines.contains("details") && !lines.contains("a body"), "{lines}");
    }

    #[test]
    fn logs_are_json_unless_stderr_is_a_terminal() {
        let line = logged(LogFormat::Auto, "info", false);
        let line: serde_json::Value = serde_json::from_str(&line).expect("one JSON line");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "appended 2 events");
        assert_eq!(line["event.count"], 2);
        assert!(line["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
        assert!(logged(LogFormat::Auto, "info", true).contains("appended 2 events"));
        assert!(!logged(LogFormat::Auto, "info", true).starts_with('{'));
    }

    #[test]
    fn the_format_can_be_forced_and_text_in_a_file_has_no_colours() {
        assert!(logged(LogFormat::Json, "info", true).starts_with('{'));
        let text = logged(LogFormat::Text, "info", false);
        assert!(text.contains(" INFO ") && !text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn directives_choose_what_is_logged() {
        assert!(!logged(LogFormat::Text, "info", false).contains("details"));
        assert!(logged(LogFormat::Text, "warn,mandate_runtime=debug", false).contains("details"));
        assert_eq!(logged(LogFormat::Text, "off", false), "");
    }
}
