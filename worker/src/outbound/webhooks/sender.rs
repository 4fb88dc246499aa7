//! One call of an endpoint: to an address that may be called, within limits of time and size.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use jiff::Timestamp;
use mandate_runtime::http_client;
use mandate_schema::Secret;
use reqwest::{Client, Response, header::RETRY_AFTER};
use tokio::time::timeout;

use super::{
    address::{AddressError, Resolver, Target, Zone, check},
    signature,
};

/// How long an attempt may take until the status is there.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long of that the connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long the beginning of the answer's body is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of the answer that are kept.
const ANSWER_MAX: usize = 1_024;
/// Bytes of the answer that are read, so that the connection can be used again.
const ANSWER_READ: usize = 20_000;

/// Calls endpoints.
pub struct Sender {
    internet: Client,
    inside: Client,
    allowed: Vec<IpNet>,
}

/// What came of a call.
pub struct Sent {
    /// The status of the answer, if one came.
    pub status: Option<u16>,
    /// Why there was none.
    pub error: Option<String>,
    /// How long it took until then.
    pub took: Duration,
    /// The beginning of the answer, 1 KiB at most.
    pub answer: Option<String>,
    /// How long the receiver asks to wait.
    pub retry_after: Option<Duration>,
}

impl Sent {
    /// Whether the receiver took it.
    pub fn is_delivered(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

impl Sender {
    /// A sender that calls public addresses, and those in the networks that are allowed.
    pub fn new(allowed: Vec<IpNet>) -> Self {
        let client = |zone| {
            let resolver = Arc::new(Resolver { zone, allowed: allowed.clone() });
            let builder = http_client::builder(TIMEOUT, None).expect("no CA of our own");
            let builder = builder.connect_timeout(CONNECT).no_gzip().dns_resolver(resolver);
            builder.build().expect("the settings are constant")
        };
        Self { internet: client(Zone::Internet), inside: client(Zone::Allowed), allowed }
    }

    /// A sender for somebody who may call what they like.
    pub fn anywhere() -> Self {
        Self::new(vec![Ipv4Net::default().into(), Ipv6Net::default().into()])
    }

    /// Checks the address of a new endpoint, also by what its name resolves to now.
    ///
    /// # Errors
    ///
    /// [`AddressError`].
    pub async fn check(&self, url: &str) -> Result<(), AddressError> {
        let target = check(url, &self.allowed)?;
        let resolver = Resolver { zone: target.zone, allowed: self.allowed.clone() };
        resolver.refuses(&target.url).await
    }

    /// Delivers a `CloudEvent`, signed by each of the secrets.
    pub async fn send(&self, url: &str, secrets: &[Secret], id: &str, body: String) -> Sent {
        let begun = Instant::now();
        let sent = match check(url, &self.allowed) {
            Ok(target) => self.call(target, secrets, id, body).await,
            Err(error) => Err(error.to_string()),
        };
        let took = begun.elapsed();
        match sent {
            Ok(response) => {
                let (status, retry_after) = (response.status().as_u16(), retry_after(&response));
                // What the receiver says is for people: without it the event is delivered all the same.
                let answer = timeout(ANSWER_TIMEOUT, beginning(response)).await.ok();
                Sent { status: Some(status), error: None, took, answer, retry_after }
            }
            Err(error) => Sent { status: None, error: Some(error), took, answer: None, retry_after: None },
        }
    }

    async fn call(
        &self,
        target: Target,
        secrets: &[Secret],
        id: &str,
        body: String,
    ) -> Result<Response, String> {
        let client = match target.zone {
            Zone::Internet => &self.internet,
            Zone::Allowed => &self.inside,
        };
        let mut post = client.post(target.url).header("content-type", "application/cloudevents+json");
        for (name, value) in signature::headers(secrets, id, Timestamp::now(), body.as_bytes()) {
            post = post.header(name, value);
        }
        post.body(body).send().await.map_err(http_client::told)
    }
}

/// How long the receiver asks to wait: a number of seconds. Dates are rare, and not understood.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The beginning of a body, as text.
async fn beginning(mut response: Response) -> String {
    let (mut kept, mut read) = (Vec::new(), 0);
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        let room = ANSWER_MAX - kept.len();
        kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if read > ANSWER_READ {
            break;
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}
