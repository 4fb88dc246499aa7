//! Bodies on their way through the proxy.

use std::{io, pin::Pin};

use actix_web::{
    HttpRequest,
    http::header,
    web::{Bytes, Payload},
};
use futures_util::{Stream, StreamExt, stream};
use mandate_runtime::http_client;
use mandate_wechat::api::errcode_of;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout, timeout_at},
};

use super::{
    CALL_MAX, SILENCE_MAX,
    upload::{Incoming, SENT_MAX, UPLOAD_MAX, Upload, Way, pump},
};
use crate::{ApiError, BodyError};

/// A body up to this size is kept, so that it can be sent again. In bytes.
const KEPT_MAX: usize = 1 << 20;
/// An answer up to this size is looked at.
const LOOKED_AT_MAX: usize = 64 << 10;

/// The caller's body.
pub(super) enum Body {
    /// All of it.
    Kept(Bytes),
    /// Too large to be kept.
    Streamed { way: Way, length: Option<u64> },
}

impl Body {
    /// Reads a small body whole, and begins to read a large one.
    pub(super) async fn read(request: &HttpRequest, payload: Payload) -> Result<Self, ApiError> {
        let (mut incoming, mut kept) = (Incoming::new(payload), Vec::new());
        while let Some(chunk) = incoming.next().await? {
            kept.extend_from_slice(&chunk);
            if kept.len() > KEPT_MAX {
                let length = request.headers().get(header::CONTENT_LENGTH);
                let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
                if length.is_some_and(|length: u64| length > SENT_MAX as u64) {
                    return Err(BodyError::TooLarge(SENT_MAX).into());
                }
                return Ok(Self::Streamed { way: pump(kept.into(), incoming), length });
            }
        }
        Ok(Self::Kept(kept.into()))
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Kept(bytes) => bytes.is_empty(),
            Self::Streamed { .. } => false,
        }
    }

    /// The same body once more, if it was kept.
    pub(super) fn again(&self) -> Option<Self> {
        match self {
            Self::Kept(bytes) => Some(Self::Kept(bytes.clone())),
            Self::Streamed { .. } => None,
        }
    }

    /// Sends a call with this body, and waits for the head of the answer.
    pub(super) async fn send(self, call: reqwest::RequestBuilder) -> Result<reqwest::Response, ApiError> {
        match self {
            Self::Kept(bytes) if bytes.is_empty() => heard(call.send()).await,
            Self::Kept(bytes) => heard(call.body(bytes).send()).await,
            Self::Streamed { way: Way { chunks, state }, length } => {
                let call = match length {
                    Some(length) => call.header(header::CONTENT_LENGTH.as_str(), length),
                    None => call,
                };
                let body = reqwest::Body::wrap_stream(received(chunks));
                heard_after(call.timeout(UPLOAD_MAX + CALL_MAX).body(body).send(), state).await
            }
        }
    }
}

type Sent = Result<reqwest::Response, reqwest::Error>;

async fn heard(sending: impl Future<Output = Sent>) -> Result<reqwest::Response, ApiError> {
    // The address holds the token: no error may carry it.
    timeout(SILENCE_MAX, sending)
        .await
        .map_err(|_elapsed| silence())?
        .map_err(|error| ApiError::Upstream(http_client::told(error)))
}

/// The same, but the time counts from when all of the body has been passed on.
async fn heard_after(
    sending: impl Future<Output = Sent>,
    mut upload: watch::Receiver<Upload>,
) -> Result<reqwest::Response, ApiError> {
    let mut sending = std::pin::pin!(sending);
    let mut ended = upload.clone();
    let sent = tokio::select! {
        biased;
        _end = ended.wait_for(|upload| *upload != Upload::Running) => None,
        sent = &mut sending => Some(sent),
    };
    let state = upload.borrow_and_update().clone();
    match (state, sent) {
        (Upload::Failed(error), _) => Err(error.into()),
        (Upload::PassedOn, None) => heard(sending).await,
        (_, Some(sent)) => sent.map_err(|error| ApiError::Upstream(http_client::told(error))),
        (Upload::NotTaken | Upload::Running, None) => Err(silence()),
    }
}

fn silence() -> ApiError {
    ApiError::Upstream(format!("nothing was heard for {} s", SILENCE_MAX.as_secs()))
}

fn received(chunks: mpsc::Receiver<io::Result<Bytes>>) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::unfold(chunks, async |mut chunks| Some((chunks.recv().await?, chunks)))
}

/// `WeChat`'s answer, of which the beginning has been read.
pub(super) struct Peeked {
    pub(super) status: reqwest::StatusCode,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) start: Vec<Bytes>,
    pub(super) rest: Chunks,
}

/// What comes of an answer.
pub(super) type Chunks = Pin<Box<dyn Stream<Item = io::Result<Bytes>>>>;

impl Peeked {
    /// Reads a small answer that may be a refusal whole; of any other nothing, or its beginning.
    pub(super) async fn of(response: reqwest::Response) -> Result<Self, ApiError> {
        let looked_at = may_be_a_refusal(&response);
        let (status, headers) = (response.status(), response.headers().clone());
        let (mut start, mut rest, mut read) = (Vec::new(), chunks(response), 0);
        while looked_at && read <= LOOKED_AT_MAX {
            let chunk = rest.next().await.transpose();
            match chunk.map_err(|error| ApiError::Upstream(error.to_string()))? {
                Some(chunk) => {
                    read += chunk.len();
                    start.push(chunk);
                }
                None => break,
            }
        }
        Ok(Self { status, headers, start, rest })
    }

    /// The number of a refusal.
    pub(super) fn errcode(&self) -> Option<i64> {
        errcode_of(&self.start.concat())
    }
}

/// The body of an answer, in time.
fn chunks(response: reqwest::Response) -> Chunks {
    let whole = Instant::now() + CALL_MAX;
    let chunks = stream::unfold(Some(response.bytes_stream()), move |coming| async move {
        let mut coming = coming?;
        let next = timeout_at(whole.min(Instant::now() + SILENCE_MAX), coming.next()).await;
        match next {
            Ok(Some(Ok(chunk))) => Some((Ok(chunk), Some(coming))),
            Ok(Some(Err(error))) => Some((Err(io::Error::other(http_client::told(error))), None)),
            Ok(None) => None,
            Err(_elapsed) => Some((Err(io::Error::other("the answer did not come in time")), None)),
        }
    });
    Box::pin(chunks.fuse()) // who has looked at all of it asks once more
}

fn may_be_a_refusal(response: &reqwest::Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE.as_str());
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let small = response.content_length().is_none_or(|length| length <= LOOKED_AT_MAX as u64);
    small && (kind.is_empty() || kind.contains("json") || kind.starts_with("text/"))
}
