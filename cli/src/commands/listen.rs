//! `mandate listen`: live events for a program on a developer's machine.

use std::{
    env,
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use mandate_runtime::http_client;
use mandate_schema::{CloudEvent, Position, Secret};
use mandate_worker::webhooks::{Sender, Sent, is_secret, new_secret};
use reqwest::{Client, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::events::row;
use crate::{
    args::{EventFilter, Global, Listen},
    context::load,
    exit::CliError,
    output::{self, Format, note},
};

/// Where the key of the API stands.
const KEY: &str = "MANDATE_API_KEY";
/// Where the secret that signs stands.
const SECRET: &str = "MANDATE_WEBHOOK_SECRET";
/// Events asked for at once.
const PAGE: usize = 100;
/// How long the service holds an answer back that has no events.
const WAIT: Duration = Duration::from_secs(25);
/// Longer than that.
const TIMEOUT: Duration = Duration::from_secs(40);
/// How long until what is away is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// A page of the feed.
#[derive(Deserialize)]
struct Page {
    data: Vec<CloudEvent>,
    last_position: Position,
    log_id: String,
}

/// The feed of a service.
struct Feed {
    http: Client,
    url: String,
    key: Option<Secret>,
    filter: EventFilter,
    /// What comes next; `None`: what is appended from now on.
    after: Option<Position>,
    log_id: Option<String>,
}

/// Why there is no page.
enum NoPage {
    /// It may come later.
    Away(String),
    Refused(CliError),
}

/// What became of an event.
#[derive(Serialize)]
struct Forwarded<'a> {
    position: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    subject: &'a str,
    id: &'a str,
    status: Option<u16>,
    error: Option<&'a str>,
    duration_ms: u128,
}

/// Runs until it is interrupted, or nobody reads its output any more.
pub(super) async fn run(global: &Global, arguments: Listen) -> Result<(), CliError> {
    let Listen { forward_to, api, after, filter } = arguments;
    let sender = Sender::anywhere();
    sender.check(&forward_to).await.map_err(|error| CliError::Usage(format!("--forward-to: {error}")))?;
    let secret = match env::var(SECRET) {
        Ok(text) if is_secret(&text) => Secret::new(text),
        Ok(_) => {
            return Err(CliError::Usage(format!("{SECRET} must be a secret such as whsec_…, in base64")));
        }
        Err(_) => new_secret(),
    };
    let http = http_client::builder(TIMEOUT, None).and_then(reqwest::ClientBuilder::build);
    let mut feed = Feed {
        http: http.map_err(CliError::failed)?,
        url: format!("{}/api/v1/events", base(global, api)?),
        key: env::var(KEY).ok().map(Secret::new),
        filter,
        after,
        log_id: None,
    };
    let mut page = match feed.next(Duration::ZERO).await {
        Ok(page) => page,
        Err(NoPage::Away(why)) => return Err(CliError::Unavailable(why)),
        Err(NoPage::Refused(error)) => return Err(error),
    };
    if env::var_os(SECRET).is_none() {
        note(format!("deliveries are signed with {}", secret.expose()))?;
    }
    let start = after.unwrap_or(page.last_position);
    note(format!("events behind position {start} go to {forward_to}; Ctrl-C ends it"))?;
    let secrets = [secret];
    loop {
        for event in &page.data {
            forward(&sender, &forward_to, &secrets, event, global.output).await?;
        }
        page = feed.next_for_ever().await?;
    }
}

/// The service's address without a slash at the end.
fn base(global: &Global, api: Option<String>) -> Result<String, CliError> {
    if let Some(api) = api {
        return Ok(api.trim_end_matches('/').to_owned());
    }
    let mut address = load(global)?.config.worker.listen;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    Ok(format!("http://{address}"))
}

/// Delivers one event; while the program does not listen, it is waited for.
async fn forward(
    sender: &Sender,
    url: &str,
    secrets: &[Secret],
    event: &CloudEvent,
    format: Format,
) -> Result<(), CliError> {
    let mut waited = false;
    let sent = loop {
        let body = serde_json::to_string(event).map_err(CliError::failed)?;
        let sent = sender.send(url, secrets, &event.id, body).await;
        match &sent.error {
            None => break sent,
            Some(error) if !waited => note(format!("the program is waited for: {error}"))?,
            Some(_) => {}
        }
        waited = true;
        tokio::time::sleep(AGAIN).await;
    };
    told(event, &sent, format)
}

fn told(event: &CloudEvent, sent: &Sent, format: Format) -> Result<(), CliError> {
    let Sent { status, error, took, .. } = sent;
    let duration_ms = took.as_millis();
    if format != Format::Table {
        let told = Forwarded {
            position: event.sequence.trim_start_matches('0'),
            kind: &event.kind,
            subject: &event.subject,
            id: &event.id,
            status: *status,
            error: error.as_deref(),
            duration_ms,
        };
        return output::json(&told, Format::Ndjson);
    }
    let status = status.map_or_else(String::new, |status| status.to_string());
    let [position, time, kind, subject, _] = row(event);
    output::line(format!("{position}  {time}  {kind}  {subject}  -> {status} in {duration_ms} ms"))?;
    match &sent.answer {
        Some(answer) if !sent.is_delivered() && !answer.is_empty() => note(format!("   it said: {answer}")),
        Some(_) | None => Ok(()),
    }
}

impl Feed {
    /// The next page, whenever the service is there.
    async fn next_for_ever(&mut self) -> Result<Page, CliError> {
        let mut told = false;
        loop {
            match self.next(WAIT).await {
                Ok(page) => return Ok(page),
                Err(NoPage::Refused(error)) => return Err(error),
                Err(NoPage::Away(why)) if !told => note(format!("the service is waited for: {why}"))?,
                Err(NoPage::Away(_)) => {}
            }
            told = true;
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn next(&mut self, wait: Duration) -> Result<Page, NoPage> {
        let after = self.after.map_or_else(|| "end".to_owned(), |after| after.to_string());
        let mut query =
            vec![("after", after), ("limit", PAGE.to_string()), ("wait", wait.as_secs().to_string())];
        let EventFilter { kind, component, authorizer } = &self.filter;
        query.extend(kind.clone().map(|kind| ("type", kind)));
        query.extend(component.as_ref().map(|component| ("component", component.to_string())));
        query.extend(authorizer.as_ref().map(|authorizer| ("authorizer", authorizer.to_string())));
        query.extend(self.log_id.clone().map(|log_id| ("log_id", log_id)));
        let mut get = self.http.get(&self.url).query(&query);
        if let Some(key) = &self.key {
            get = get.bearer_auth(key.expose());
        }
        let away = |error| NoPage::Away(format!("{}: {}", self.url, http_client::told(error)));
        let answer = get.send().await.map_err(away)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(away)?;
        if !status.is_success() {
            return Err(refusal(&self.url, status, &body));
        }
        let page: Page = serde_json::from_slice(&body).map_err(|error| {
            NoPage::Refused(CliError::Failed(anyhow::anyhow!(
                "{} is no feed of this version: {error}",
                self.url
            )))
        })?;
        self.after = Some(page.last_position);
        self.log_id = Some(page.log_id.clone());
        Ok(page)
    }
}

fn refusal(url: &str, status: StatusCode, body: &[u8]) -> NoPage {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or_default();
    let told = format!("{url} answers with HTTP status {status}: {detail}");
    if status.is_server_error() {
        return NoPage::Away(told);
    }
    NoPage::Refused(match status {
        StatusCode::UNAUTHORIZED => CliError::Refused(format!("{told}; {KEY} holds the key")),
        StatusCode::BAD_REQUEST => CliError::Usage(told),
        _ => CliError::Refused(told),
    })
}
