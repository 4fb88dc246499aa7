//! Bodies on their way through the proxy.

use std::io;

use actix_web::{
    HttpRequest,
    http::header,
    rt,
    web::{Bytes, Payload},
};
use futures_util::{Stream, StreamExt, stream};
use mandate_runtime::http_client;
use mandate_wechat::api::errcode_of;
use tokio::sync::mpsc;

use crate::{ApiError, BodyError};

/// A body up to this size is kept, so that it can be sent again. In bytes.
const KEPT_MAX: usize = 1 << 20;
/// The largest body; WeChat's largest upload is 10 MB.
const SENT_MAX: usize = 32 << 20;
/// An answer up to this size is looked at.
const LOOKED_AT_MAX: usize = 64 << 10;
/// Chunks that wait between the caller and `WeChat`.
const CHUNKS: usize = 8;

/// The caller's body.
pub(super) enum Body {
    /// All of it.
    Kept(Bytes),
    /// Too large to be kept.
    Streamed { chunks: mpsc::Receiver<io::Result<Bytes>>, length: Option<u64> },
}

impl Body {
    /// Reads a small body whole, and begins to read a large one.
    pub(super) async fn read(request: &HttpRequest, mut payload: Payload) -> Result<Self, ApiError> {
        let mut kept = Vec::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| BodyError::Broken)?;
            kept.extend_from_slice(&chunk);
            if kept.len() > KEPT_MAX {
                let length = request.headers().get(header::CONTENT_LENGTH);
                let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
                if length.is_some_and(|length: u64| length > SENT_MAX as u64) {
                    return Err(BodyError::TooLarge(SENT_MAX).into());
                }
                return Ok(Self::Streamed { chunks: pump(kept.into(), payload), length });
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

    pub(super) fn attach(self, call: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match self {
            Self::Kept(bytes) if bytes.is_empty() => call,
            Self::Kept(bytes) => call.body(bytes),
            Self::Streamed { chunks, length } => {
                let call = match length {
                    Some(length) => call.header(header::CONTENT_LENGTH.as_str(), length),
                    None => call,
                };
                call.body(reqwest::Body::wrap_stream(received(chunks)))
            }
        }
    }
}

/// Passes the rest of a body on as fast as it is taken. It stays on this thread, as the payload has to; whoever takes the
/// chunks may be anywhere.
fn pump(start: Bytes, mut payload: Payload) -> mpsc::Receiver<io::Result<Bytes>> {
    let (sender, chunks) = mpsc::channel(CHUNKS);
    rt::spawn(async move {
        let mut sent = start.len();
        let mut next = Some(Ok(start));
        while let Some(chunk) = next {
            let failed = chunk.is_err();
            if sender.send(chunk).await.is_err() || failed {
                return; // nobody takes it any more
            }
            next = match payload.next().await {
                Some(Ok(chunk)) => {
                    sent += chunk.len();
                    let fits = sent <= SENT_MAX;
                    Some(if fits { Ok(chunk) } else { Err(io::Error::other("the body is too large")) })
                }
                Some(Err(error)) => Some(Err(io::Error::other(error.to_string()))),
                None => None,
            };
        }
    });
    chunks
}

fn received(chunks: mpsc::Receiver<io::Result<Bytes>>) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::unfold(chunks, async |mut chunks| Some((chunks.recv().await?, chunks)))
}

/// `WeChat`'s answer, of which the beginning has been read.
pub(super) struct Peeked {
    pub(super) response: reqwest::Response,
    pub(super) start: Vec<Bytes>,
}

impl Peeked {
    /// Reads a small answer that may be a refusal whole; of any other nothing, or its beginning.
    pub(super) async fn of(mut response: reqwest::Response) -> Result<Self, ApiError> {
        let mut start = Vec::new();
        let mut read = 0;
        while may_be_a_refusal(&response) && read <= LOOKED_AT_MAX {
            let chunk = response.chunk().await;
            match chunk.map_err(|error| ApiError::Upstream(http_client::told(error)))? {
                Some(chunk) => {
                    read += chunk.len();
                    start.push(chunk);
                }
                None => break,
            }
        }
        Ok(Self { response, start })
    }

    /// The number of a refusal.
    pub(super) fn errcode(&self) -> Option<i64> {
        errcode_of(&self.start.concat())
    }
}

fn may_be_a_refusal(response: &reqwest::Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE.as_str());
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let small = response.content_length().is_none_or(|length| length <= LOOKED_AT_MAX as u64);
    small && (kind.is_empty() || kind.contains("json") || kind.starts_with("text/"))
}
