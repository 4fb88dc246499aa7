//! The HTTP client that carries pushes.

use std::time::{Duration, Instant};

use reqwest::{Certificate, redirect::Policy};
use rustls::crypto::{CryptoProvider, ring};

use super::seal::Outgoing;
use crate::settings::Settings;

/// How much of an answer is read: replies are small, and a wrong URL may answer with anything.
const ANSWER_MAX: usize = 64 * 1024;

/// The HTTP client that carries pushes.
pub(crate) type Client = reqwest::Client;

/// What came back for one request.
pub(crate) struct Answer {
    /// Status and body, or why there is none.
    pub(crate) result: Result<(u16, Vec<u8>), String>,
    pub(crate) took: Duration,
}

/// Builds the client: no proxy from the environment, no redirects (`WeChat` follows none), one time limit for all.
pub(crate) fn build(settings: &Settings) -> Result<Client, reqwest::Error> {
    if CryptoProvider::get_default().is_none() {
        // Somebody may be faster; then theirs is as good.
        let _ = ring::default_provider().install_default();
    }
    let urls = settings.components.iter().flat_map(|it| [&it.event_url, &it.message_url]);
    let encrypted = urls.into_iter().any(|url| url.starts_with("https:"));
    let builder = Client::builder()
        .user_agent("Mozilla/4.0")
        .no_proxy()
        .redirect(Policy::none())
        .timeout(settings.push_timeout)
        .pool_idle_timeout(Duration::from_secs(5));
    let builder = if encrypted { builder.tls_certs_merge(roots()) } else { builder.tls_certs_only([]) };
    builder.build()
}

/// Mozilla's roots, for machines without a store of their own.
fn roots() -> Vec<Certificate> {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    roots.filter_map(|der| Certificate::from_der(der).ok()).collect()
}

/// Sends one request.
pub(crate) async fn post(client: &Client, outgoing: Outgoing) -> Answer {
    let started = Instant::now();
    let request = client.post(outgoing.url).header("content-type", outgoing.content_type).body(outgoing.body);
    let result = exchange(request).await.map_err(without_url);
    Answer { result, took: started.elapsed() }
}

async fn exchange(request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>), reqwest::Error> {
    let mut response = request.send().await?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_MAX {
            body.truncate(ANSWER_MAX);
            break;
        }
    }
    Ok((response.status().as_u16(), body))
}

/// The error with its causes, without the URL: that holds signatures.
fn without_url(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
