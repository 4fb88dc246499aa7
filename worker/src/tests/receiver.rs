//! A subscriber's HTTP endpoint: keeps what it is sent and answers as it is told.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// A request that came.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) headers: http::HeaderMap,
    pub(super) body: Vec<u8>,
}

/// An endpoint that listens until it is dropped.
pub(super) struct Receiver {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    listening: tokio::task::JoinHandle<()>,
}

/// Decides the answer to an event by its `CloudEvent`.
type Answers = Box<dyn FnMut(&Value) -> String + Send>;

#[derive(Default)]
struct State {
    got: VecDeque<Got>,
    answers: Option<Answers>,
}

/// An answer with nothing but a status.
pub(super) fn status(status: u16) -> String {
    answer(status, "", "")
}

/// An answer with headers, each ended by a line break, and a body.
pub(super) fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Told\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

impl Receiver {
    /// An endpoint that takes everything.
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, state) = (listener.local_addr().unwrap(), Arc::<Mutex<State>>::default());
        let shared = state.clone();
        let listening = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, shared.clone()));
            }
        });
        Self { address, state, listening }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook?token=hidden", self.address)
    }

    /// Answers as this says from now on.
    pub(super) fn answers(&self, answers: impl FnMut(&Value) -> String + Send + 'static) {
        self.state.lock().unwrap().answers = Some(Box::new(answers));
    }

    /// What has come since the last time.
    pub(super) fn got(&self) -> Vec<Got> {
        self.state.lock().unwrap().got.drain(..).collect()
    }

    /// The same as accounts or components with positions.
    pub(super) fn events(&self) -> Vec<(String, u64)> {
        let event = |got: Got| {
            let event: Value = serde_json::from_slice(&got.body).unwrap();
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            (text("subject"), text("sequence").parse().unwrap())
        };
        self.got().into_iter().map(event).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn serve(connection: TcpStream, state: Arc<Mutex<State>>) {
    let mut connection = BufReader::new(connection);
    while let Some(got) = read(&mut connection).await {
        let answer = {
            let mut state = state.lock().unwrap();
            let event = serde_json::from_slice(&got.body).unwrap_or_default();
            state.got.push_back(got);
            state.answers.as_mut().map_or_else(|| status(204), |answers| answers(&event))
        };
        if connection.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The next request of a connection.
async fn read(connection: &mut BufReader<TcpStream>) -> Option<Got> {
    let (mut line, mut headers) = (String::new(), http::HeaderMap::new());
    connection.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    loop {
        line.clear();
        connection.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.append(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
    }
    let length = headers.get("content-length")?.to_str().ok()?.parse().ok()?;
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.ok()?;
    Some(Got { headers, body })
}
