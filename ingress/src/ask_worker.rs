//! Asks the worker over HTTP which callbacks have an outcome.

use std::{collections::HashSet, time::Duration};

use mandate_broker::{CallbackOutcomes, OutcomesUnavailable};
use mandate_runtime::{config::Config, http_client};
use mandate_schema::{CallbackId, Secret};
use reqwest::{StatusCode, header::CONTENT_TYPE};
use serde::{Deserialize, Serialize};

/// How long one question may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes: 1,000 ids have 39 kB.
const ANSWER_MAX: usize = 256 * 1024;
/// The path below `settle_url`.
const PATH: &str = "/api/v1/inbox/settled";

/// The worker behind `settle_url`.
#[derive(Clone, Debug)]
pub struct AskWorker {
    http: reqwest::Client,
    url: String,
    key: Secret,
}

/// Why the worker said nothing that helps.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("the worker at {url} is not reached: {reason}")]
    Unreachable { url: String, reason: String },
    #[error("the worker at {0} refuses the key: settle_key must be the same text in [ingress] and [worker]")]
    Refused(String),
    #[error("the worker at {0} cannot say now which callbacks have an outcome; its log says why")]
    NotNow(String),
    #[error("{url} answers with HTTP status {status}: is settle_url the worker's listener?")]
    Status { url: String, status: StatusCode },
    #[error("the answer of {0} is not the worker's: is settle_url the worker's listener?")]
    Unreadable(String),
}

/// The question cannot be asked: a matter of configuration.
#[derive(Debug, thiserror::Error)]
pub enum AskWorkerError {
    /// There is no key.
    #[error("ingress.settle_key is required to ask the worker which callbacks have an outcome")]
    NoKey,
    /// The client.
    #[error("the HTTP client for the worker cannot be built: {0}")]
    Client(#[source] reqwest::Error),
}

#[derive(Serialize)]
struct Question {
    ids: Vec<CallbackId>,
}

#[derive(Deserialize)]
struct Answer {
    settled: HashSet<CallbackId>,
}

impl AskWorker {
    /// Asks the worker that the configuration names.
    ///
    /// # Errors
    ///
    /// [`AskWorkerError`].
    pub fn from_config(config: &Config) -> Result<Self, AskWorkerError> {
        let key = config.ingress.settle_key.clone().ok_or(AskWorkerError::NoKey)?;
        let http = http_client::builder(TIMEOUT, None).and_then(reqwest::ClientBuilder::build);
        let url = format!("{}{PATH}", config.ingress.settle_url);
        Ok(Self { http: http.map_err(AskWorkerError::Client)?, url, key })
    }

    async fn ask(&self, ids: Vec<CallbackId>) -> Result<HashSet<CallbackId>, AskError> {
        let question = serde_json::to_vec(&Question { ids }).expect("ids are plain text");
        let request = self.http.post(&self.url).bearer_auth(self.key.expose());
        let answer = request.header(CONTENT_TYPE, "application/json").body(question).send().await;
        let mut answer = answer.map_err(|error| self.unreachable(error))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(AskError::Refused(self.url.clone()));
            }
            StatusCode::SERVICE_UNAVAILABLE => return Err(AskError::NotNow(self.url.clone())),
            status => return Err(AskError::Status { url: self.url.clone(), status }),
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.unreachable(error))? {
            if body.len() + chunk.len() > ANSWER_MAX {
                return Err(AskError::Unreadable(self.url.clone()));
            }
            body.extend_from_slice(&chunk);
        }
        let answer: Answer =
            serde_json::from_slice(&body).map_err(|_| AskError::Unreadable(self.url.clone()))?;
        Ok(answer.settled)
    }

    fn unreachable(&self, error: reqwest::Error) -> AskError {
        AskError::Unreachable { url: self.url.clone(), reason: http_client::told(error) }
    }
}

impl CallbackOutcomes for AskWorker {
    async fn settled(&self, ids: Vec<CallbackId>) -> Result<HashSet<CallbackId>, OutcomesUnavailable> {
        self.ask(ids).await.map_err(|error| OutcomesUnavailable(Box::new(error)))
    }
}
