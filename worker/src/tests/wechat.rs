//! `WeChat`'s API as far as the list and tokens go: a list of authorizers in pages, and whatever a test makes of a page.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use mandate_schema::AuthorizerId;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// An API that answers until it is dropped.
pub(super) struct WeChat {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    /// Rung with each page that is asked for.
    asked: Arc<Notify>,
    listening: tokio::task::JoinHandle<()>,
}

/// What becomes of the page at an offset: an HTTP status and a body.
type Spoil = Box<dyn FnMut(u64, Value) -> (u16, String) + Send>;

#[derive(Default)]
struct State {
    list: Vec<Value>,
    /// Entries of a page at most.
    most: usize,
    offsets: Vec<u64>,
    spoil: Option<Spoil>,
    /// The page at this offset waits until it is let go.
    held: Option<(u64, Arc<Notify>)>,
    /// Whose token was fetched, in order.
    fetched: Vec<String>,
    /// Tokens are answered once so many were asked for.
    together: usize,
}

impl State {
    /// Whether so many tokens were asked for that they are answered, from now on at once.
    fn is_together(&mut self) -> bool {
        if self.fetched.len() >= self.together {
            self.together = 0;
        }
        self.together == 0
    }
}

/// The appid of the authorizer at a place of the list.
pub(super) fn at_place(place: u64) -> AuthorizerId {
    format!("wx{place:016x}").parse().unwrap()
}

/// Its entry, with a token of its own.
pub(super) fn entry(place: u64, auth_time: i64) -> Value {
    json!({
        "authorizer_appid": at_place(place),
        "refresh_token": format!("refreshtoken@@@{place}"),
        "auth_time": auth_time,
    })
}

/// An answer as it is.
pub(super) fn well(answer: &Value) -> (u16, String) {
    (200, answer.to_string())
}

impl WeChat {
    /// An API with so many authorizers, who authorized at second 100.
    pub(super) async fn with(length: u64) -> Self {
        Self::in_pages_of(500, length).await
    }

    /// The same with pages that are no longer than `most`.
    pub(super) async fn in_pages_of(most: usize, length: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, state) = (listener.local_addr().unwrap(), Arc::<Mutex<State>>::default());
        let list = (0..length).map(|place| entry(place, 100)).collect();
        *state.lock().unwrap() = State { list, most, ..State::default() };
        let (shared, asked) = (state.clone(), Arc::<Notify>::default());
        let rung = asked.clone();
        let listening = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, shared.clone(), rung.clone()));
            }
        });
        Self { address, state, asked, listening }
    }

    pub(super) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Has another list from now on.
    pub(super) fn lists(&self, list: Vec<Value>) {
        self.state().list = list;
    }

    /// Answers pages as this says from now on.
    pub(super) fn spoils(&self, spoil: impl FnMut(u64, Value) -> (u16, String) + Send + 'static) {
        self.state().spoil = Some(Box::new(spoil));
    }

    /// Spoils the page at this offset once.
    pub(super) fn spoils_once(&self, at: u64, status: u16, body: &str) {
        let mut once = Some((status, body.to_owned()));
        self.spoils(move |offset, page| match once.take_if(|_| offset == at) {
            Some(spoiled) => spoiled,
            None => well(&page),
        });
    }

    /// Keeps the page at this offset back until what is answered is rung.
    pub(super) fn holds(&self, offset: u64) -> Arc<Notify> {
        let release = Arc::<Notify>::default();
        self.state().held = Some((offset, release.clone()));
        release
    }

    /// Waits until the page at this offset is asked for.
    pub(super) async fn page_asked(&self, offset: u64) {
        loop {
            let asked = self.asked.notified();
            tokio::pin!(asked);
            asked.as_mut().enable();
            if self.state().offsets.contains(&offset) {
                return;
            }
            asked.await;
        }
    }

    /// Whose tokens were fetched since the last time, in order.
    pub(super) fn fetched(&self) -> Vec<String> {
        std::mem::take(&mut self.state().fetched)
    }

    /// Answers no token before so many were asked for.
    pub(super) fn answers_tokens_together(&self, count: usize) {
        self.state().together = count;
    }

    /// The offsets of the pages that were asked for, in order.
    pub(super) fn offsets(&self) -> Vec<u64> {
        self.state().offsets.clone()
    }

    /// How often the page was asked for that was asked for most.
    pub(super) fn most_often(&self) -> u32 {
        let mut counts = HashMap::<u64, u32>::new();
        self.offsets().into_iter().for_each(|offset| *counts.entry(offset).or_default() += 1);
        counts.into_values().max().unwrap_or(0)
    }
}

impl Drop for WeChat {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn serve(connection: TcpStream, state: Arc<Mutex<State>>, asked: Arc<Notify>) {
    let mut connection = BufReader::new(connection);
    while let Some((path, body)) = request(&mut connection).await {
        let (status, answer) = if path.contains("api_get_authorizer_list") {
            page(&body, &state, &asked).await
        } else {
            token(&body, &state, &asked).await
        };
        let head = format!("HTTP/1.1 {status} Told\r\ncontent-length: {}\r\n\r\n", answer.len());
        if connection.write_all(format!("{head}{answer}").as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The token of an authorizer, or of the component.
async fn token(body: &Value, state: &Mutex<State>, asked: &Notify) -> (u16, String) {
    let whose = body["authorizer_appid"].as_str().unwrap_or("component");
    state.lock().unwrap().fetched.push(whose.to_owned());
    asked.notify_waiters();
    loop {
        let another = asked.notified();
        tokio::pin!(another);
        another.as_mut().enable();
        if state.lock().unwrap().is_together() {
            break;
        }
        another.await;
    }
    well(&json!({
        "component_access_token": "component-token",
        "authorizer_access_token": format!("token of {whose}"),
        "authorizer_refresh_token": body["authorizer_refresh_token"],
        "expires_in": 7_200,
    }))
}

async fn request(connection: &mut BufReader<TcpStream>) -> Option<(String, Value)> {
    let (mut path, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if path.is_empty() {
            path = line;
        } else if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.ok()?;
    Some((path, serde_json::from_slice(&body).ok()?))
}

async fn page(body: &Value, state: &Mutex<State>, asked: &Notify) -> (u16, String) {
    let offset = body["offset"].as_u64().unwrap();
    let held = {
        let mut state = state.lock().unwrap();
        state.offsets.push(offset);
        state.held.take_if(|(held, _)| *held == offset)
    };
    asked.notify_waiters();
    if let Some((_, release)) = held {
        release.notified().await;
    }
    let mut state = state.lock().unwrap();
    let count = usize::try_from(body["count"].as_u64().unwrap()).unwrap();
    let from = usize::try_from(offset).unwrap();
    let list: Vec<_> = state.list.iter().skip(from).take(count.min(state.most)).cloned().collect();
    let page = json!({ "total_count": state.list.len(), "list": list });
    match &mut state.spoil {
        Some(spoil) => spoil(offset, page),
        None => well(&page),
    }
}
