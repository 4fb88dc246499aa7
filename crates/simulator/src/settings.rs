//! What the simulator needs to know.

use std::{collections::HashSet, time::Duration};

use mandate_schema::{ComponentId, Secret};
use reqwest::Url;

use crate::{envelope::AesKey, error::Error, switches::Switches};

/// What stands in a message URL in the place of the authorizer's appid.
pub(crate) const APP_ID_MARK: &str = "$APPID$";

/// A third-party platform as it would be registered with `WeChat`.
#[derive(Clone, Debug)]
pub struct SimComponent {
    /// Its appid.
    pub app_id: ComponentId,
    /// Its app secret.
    pub app_secret: Secret,
    /// Its message-check token.
    pub token: Secret,
    /// Its `EncodingAESKey`, 43 characters in any of their spellings.
    pub encoding_aes_key: Secret,
    /// Full URL for authorization events.
    pub event_url: String,
    /// Full URL for messages, with `$APPID$` somewhere in path or query.
    pub message_url: String,
}

/// Settings of the simulator.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The platforms it knows.
    pub components: Vec<SimComponent>,
    /// How often each platform gets a ticket by itself, the first one at once (`WeChat`: 10 minutes of real time).
    /// `None`: only when asked.
    pub ticket_every: Option<Duration>,
    /// How long it waits for the answer to a push (`WeChat`: 5 s).
    pub push_timeout: Duration,
    /// The pause before a push is tried again.
    pub retry_pause: Duration,
    /// Makes all random values repeatable.
    pub seed: Option<u64>,
    /// The switches at the start.
    pub switches: Switches,
    /// Whether the control API answers callers on other machines, too.
    pub open_control: bool,
}

impl Settings {
    /// Settings for these platforms: no tickets by itself, 5 s for answers and before retries, all switches at their default.
    pub fn new(components: Vec<SimComponent>) -> Self {
        Self {
            components,
            ticket_every: None,
            push_timeout: Duration::from_secs(5),
            retry_pause: Duration::from_secs(5),
            seed: None,
            switches: Switches::default(),
            open_control: false,
        }
    }

    /// Finds every problem in one go.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut problems = Vec::new();
        let mut seen = HashSet::new();
        for component in &self.components {
            let id = &component.app_id;
            if !seen.insert(id) {
                problems.push(format!("component {id} is given twice"));
            }
            component.check(|problem| problems.push(format!("component {id}: {problem}")));
        }
        if self.push_timeout.is_zero() {
            problems.push("the time limit for pushes is zero".to_owned());
        }
        if self.ticket_every.is_some_and(|every| every < Duration::from_millis(10)) {
            problems.push("tickets more often than every 10 ms".to_owned());
        }
        if problems.is_empty() { Ok(()) } else { Err(Error::Settings(problems)) }
    }
}

impl SimComponent {
    fn check(&self, mut problem: impl FnMut(String)) {
        for (name, secret) in [("app_secret", &self.app_secret), ("token", &self.token)] {
            if secret.is_empty() {
                problem(format!("{name} is empty"));
            }
        }
        if let Err(error) = AesKey::parse(self.encoding_aes_key.expose()) {
            problem(format!("encoding_aes_key: {error}"));
        }
        for (name, url) in [("event_url", &self.event_url), ("message_url", &self.message_url)] {
            match Url::parse(url) {
                Ok(url) if matches!(url.scheme(), "http" | "https") && url.fragment().is_none() => {}
                Ok(_) => problem(format!("{name} is not an http or https URL without a fragment")),
                Err(error) => problem(format!("{name}: {error}")),
            }
        }
        if !self.message_url.contains(APP_ID_MARK) {
            problem(format!("message_url does not contain {APP_ID_MARK}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_reported_and_no_secret_with_it() {
        let component = SimComponent {
            app_id: ComponentId::parse("wx1f2e3d4c5b6a7988").expect("valid"),
            app_secret: Secret::new(""),
            token: Secret::new("sesame-token"),
            encoding_aes_key: Secret::new("sesame-key"),
            event_url: "ftp://127.0.0.1/".into(),
            message_url: "http://127.0.0.1/messages".into(),
        };
        let settings = Settings::new(vec![component.clone(), component]);
        let text = settings.check().expect_err("five kinds of problems").to_string();
        for part in ["twice", "app_secret is empty", "43 characters", "not an http", "$APPID$"] {
            assert!(text.contains(part), "{part} is missing in: {text}");
        }
        assert!(!text.contains("sesame"));
    }
}
