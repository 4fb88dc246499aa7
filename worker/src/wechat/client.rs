//! Calls to the component API over HTTP: one place for limits, time-outs, metrics and the sorting of failures.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use mandate_runtime::{http_client, metrics::Metrics};
use mandate_schema::Secret;
use mandate_wechat::{
    api::{Api, Decoded, Repair, Repairs, ReplyError, Request, begins_as_answer, decode, encode},
    errors,
};

use crate::wechat::{
    breaker::{Breakers, Pause},
    error::CallError,
};

/// Answers beyond this size are not WeChat's. A list page of 500 accounts has about 150 kB.
const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// Label of `mandate_wechat_calls_total` for calls without an error number of `WeChat`: HTTP status or transport.
const NO_ANSWER: i64 = -2;

/// How the API is reached.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// Base address, without a slash at the end.
    pub base: String,
    /// Time limit of one call.
    pub timeout: Duration,
    /// The proxy for outgoing calls; proxies of the environment are ignored.
    pub proxy: Option<Secret>,
    /// PEM text of a private CA.
    pub ca: Option<Vec<u8>>,
}

/// The HTTP client of the component API.
#[derive(Clone)]
pub struct ApiClient {
    http: reqwest::Client,
    base: String,
    timeout: Duration,
    breakers: Arc<Breakers>,
    repaired: Arc<Repaired>,
    metrics: Metrics,
}

/// What had to be repaired in the answers so far, so that it is logged once.
#[derive(Default)]
struct Repaired(Mutex<HashSet<(Api, Repair)>>);

/// Why the client cannot be built: a matter of configuration.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for WeChat's API cannot be built: {0}")]
pub struct ClientError(#[from] reqwest::Error);

/// The beginning of a client of `WeChat`'s API: certificates, the proxy, and `whole` as the limit of a call.
///
/// # Errors
///
/// [`ClientError`]: the proxy's address or the CA is not usable.
pub fn client_builder(
    settings: &ApiSettings,
    whole: Duration,
) -> Result<reqwest::ClientBuilder, ClientError> {
    let builder = http_client::builder(whole, settings.ca.as_deref())?;
    Ok(match &settings.proxy {
        Some(proxy) => builder.proxy(reqwest::Proxy::all(proxy.expose())?),
        None => builder,
    })
}

impl ApiClient {
    /// A client for these settings.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: the proxy's address or the CA is not usable.
    pub fn new(settings: &ApiSettings, metrics: Metrics) -> Result<Self, ClientError> {
        let http = client_builder(settings, settings.timeout)?.build()?;
        Ok(Self {
            http,
            base: settings.base.trim_end_matches('/').to_owned(),
            timeout: settings.timeout,
            breakers: Arc::default(),
            repaired: Arc::default(),
            metrics,
        })
    }

    /// Time limit of one call.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Makes one call, once. `token` goes into the query of those APIs that want one.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn call<R: Request>(&self, request: &R, token: Option<&Secret>) -> Result<R::Reply, CallError> {
        let (api, component) = (R::API, request.component());
        if let Some(Pause { until, why }) = self.breakers.paused(component, api, Timestamp::now()) {
            self.metrics.wechat_calls_withheld_total(api.name());
            return Err(CallError::Paused { api: api.name(), until, why: Box::new(why) });
        }
        let started = Instant::now();
        let result = self.send(request, token).await;
        self.metrics.wechat_call_seconds(api.name(), started.elapsed());
        let errcode = match &result {
            Ok(_) => 0,
            Err(CallError::Refused(refusal)) => refusal.errcode,
            Err(
                CallError::NotSent(_)
                | CallError::AnswerLost(_)
                | CallError::Unreadable(_)
                | CallError::Paused { .. },
            ) => NO_ANSWER,
        };
        self.metrics.wechat_calls_total(api.name(), errcode);
        let now = Timestamp::now();
        // Many calls may be under way when an API fails: the pause is told by the one that begins it.
        let before = self.breakers.paused(component, api, now);
        let pause = self.breakers.note(component, api, &result, now);
        self.metrics.wechat_paused(component, api.name(), pause.as_ref().map(|pause| pause.until));
        if let (Some(Pause { until, .. }), None, Err(error)) = (pause, before, &result) {
            tracing::error!(%component, api = api.name(), %until, "{} is not called before {until}: {error}{}",
                api.name(), advice(error));
        }
        result
    }

    async fn send<R: Request>(&self, request: &R, token: Option<&Secret>) -> Result<R::Reply, CallError> {
        let mut post = self
            .http
            .post(format!("{}{}", self.base, R::API.path()))
            .header("content-type", "application/json; charset=utf-8")
            .body(encode(request).expose().to_owned());
        if let (Some(of), Some(token)) = (R::API.token(), token) {
            post = post.query(&[(of.parameter(), token.expose())]);
        }
        // The address holds the token: no error may carry it.
        let answer = post.send().await.map_err(sort)?;
        if !answer.status().is_success() {
            return Err(CallError::AnswerLost(format!("HTTP status {}", answer.status())));
        }
        let body = read(answer).await?;
        let Decoded { reply, repairs } = decode::<R::Reply>(&body);
        self.repaired.note(R::API, repairs);
        reply.map_err(|error| match error {
            ReplyError::Refused(refusal) => CallError::Refused(refusal),
            ReplyError::NotJson => CallError::AnswerLost(error.to_string()),
            ReplyError::Unreadable | ReplyError::MissingField(_) => CallError::Unreadable(error.to_string()),
        })
    }
}

impl Repaired {
    /// Logs what is new. Texts of accounts are in the answers: whoever writes one must not be able to fill the log.
    fn note(&self, api: Api, repairs: Repairs) {
        for repair in self.news(api, repairs) {
            tracing::warn!(
                api = api.name(),
                "WeChat's answers to {} hold {repair}; they are repaired, which is logged once for each process",
                api.name()
            );
        }
    }

    /// Those of these kinds that no answer to this API had before.
    fn news(&self, api: Api, repairs: Repairs) -> Repairs {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        repairs.into_iter().filter(|repair| known.insert((api, *repair))).collect()
    }
}

/// What the operator can do about a refusal.
fn advice(error: &CallError) -> String {
    let CallError::Refused(refusal) = error else { return String::new() };
    let address = refusal.client_ip().map(|ip| format!(" (WeChat saw {ip})")).unwrap_or_default();
    let cure = errors::lookup(refusal.errcode).map_or("", errors::ErrorEntry::cure);
    format!("{address}: {cure}")
}

/// Only a connection that never came about proves that nothing was processed.
fn sort(error: reqwest::Error) -> CallError {
    let not_sent = error.is_connect();
    let told = http_client::told(error);
    if not_sent { CallError::NotSent(told) } else { CallError::AnswerLost(told) }
}

async fn read(mut answer: reqwest::Response) -> Result<Vec<u8>, CallError> {
    let mut body = Vec::new();
    let lost = |error| CallError::AnswerLost(http_client::told(error));
    while let Some(chunk) = answer.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > ANSWER_MAX {
            let too_large = "the answer is too large".to_owned();
            let is_an_answer = begins_as_answer(&body);
            return Err(if is_an_answer { CallError::Unreadable } else { CallError::AnswerLost }(too_large));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repair_is_news_once_for_each_api_and_kind() {
        let repaired = Repaired::default();
        let news = |api, repairs: &[Repair]| repaired.news(api, repairs.iter().copied().collect()).len();
        assert_eq!(news(Api::QueryAuth, &[]), 0);
        assert_eq!(news(Api::QueryAuth, &[Repair::BrokenUtf8, Repair::ByteOrderMark]), 2);
        for _ in 0..100 {
            assert_eq!(news(Api::QueryAuth, &[Repair::BrokenUtf8, Repair::ByteOrderMark]), 0);
        }
        assert_eq!(news(Api::QueryAuth, &[Repair::BrokenUtf8, Repair::LoneSurrogate]), 1);
        assert_eq!(news(Api::GetAuthorizerInfo, &[Repair::BrokenUtf8]), 1);
    }
}
