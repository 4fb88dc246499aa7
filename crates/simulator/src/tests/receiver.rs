//! A receiver of pushes as strict as a good one must be.

use std::{
    collections::{HashMap, VecDeque},
    net::TcpListener,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    http::StatusCode,
    web::{self, Bytes, Data, PayloadConfig, Query},
};
use mandate_schema::Secret;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{COMPONENT, KEY, TOKEN};
use crate::{
    envelope::{Pair, decrypt},
    xml,
};

/// A push as it arrived.
#[derive(Clone)]
pub(super) struct Received {
    pub(super) path: String,
    pub(super) query: HashMap<String, String>,
    pub(super) body: String,
}

#[derive(Default)]
struct Inner {
    received: Vec<Received>,
    /// What the next pushes are answered; `success` once it is empty.
    answers: VecDeque<(u16, String)>,
    /// Answers instead, once it is set.
    platform: Option<Arc<Platform>>,
}

type Platform = dyn Fn(&Received) -> (u16, String) + Send + Sync;

/// The receiver: takes everything, and remembers it.
#[derive(Clone)]
pub(super) struct Receiver {
    pub(super) url: String,
    inner: Arc<Mutex<Inner>>,
    arrived: watch::Sender<usize>,
}

impl Receiver {
    pub(super) fn start(stop: CancellationToken) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let receiver = Self { url, inner: Arc::default(), arrived: watch::Sender::new(0) };
        let data = Data::new(receiver.clone());
        let app = move || {
            let limit = PayloadConfig::new(8 << 20);
            App::new().app_data(data.clone()).app_data(limit).default_service(web::to(take))
        };
        let server =
            HttpServer::new(app).workers(1).disable_signals().listen(listener).expect("listens").run();
        let handle = server.handle();
        tokio::spawn(server);
        tokio::spawn(async move {
            stop.cancelled().await;
            handle.stop(false).await;
        });
        receiver
    }

    /// Answers a coming push with this instead of `success`.
    pub(super) fn will_answer(&self, status: u16, body: impl Into<String>) {
        self.lock().answers.push_back((status, body.into()));
    }

    /// Lets this answer all coming pushes.
    pub(super) fn answers_by(&self, platform: impl Fn(&Received) -> (u16, String) + Send + Sync + 'static) {
        self.lock().platform = Some(Arc::new(platform));
    }

    pub(super) fn all(&self) -> Vec<Received> {
        self.lock().received.clone()
    }

    /// Waits until so many pushes have arrived.
    pub(super) async fn until(&self, count: usize) {
        let mut arrived = self.arrived.subscribe();
        let enough = arrived.wait_for(|arrived| *arrived >= count);
        let enough = timeout(Duration::from_secs(10), enough).await;
        assert!(enough.is_ok_and(|enough| enough.is_ok()), "{} pushes, not {count}", self.all().len());
    }

    #[track_caller]
    pub(super) fn last(&self) -> Received {
        self.all().pop().expect("a push has arrived")
    }

    fn take(&self, push: &Received) -> (u16, String) {
        let mut inner = self.lock();
        inner.received.push(push.clone());
        self.arrived.send_replace(inner.received.len());
        match inner.platform.clone() {
            Some(platform) => {
                drop(inner);
                platform(push)
            }
            None => inner.answers.pop_front().unwrap_or((200, "success".to_owned())),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn take(request: HttpRequest, body: Bytes, receiver: Data<Receiver>) -> HttpResponse {
    let query = Query::<HashMap<String, String>>::from_query(request.query_string()).expect("a query");
    let push = Received {
        path: request.path().to_owned(),
        query: query.into_inner(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let (status, body) = receiver.take(&push);
    HttpResponse::build(StatusCode::from_u16(status).expect("a status")).body(body)
}

/// The pair that the simulator starts with.
pub(super) fn pair() -> Pair {
    Pair::parse(&Secret::new(TOKEN), &Secret::new(KEY)).expect("a pair")
}

impl Received {
    /// Opens a push as the specification demands, or says which check fails.
    pub(super) fn open(&self, pair: &Pair) -> Result<String, String> {
        let query =
            |name: &str| self.query.get(name).filter(|value| !value.is_empty()).ok_or(format!("no {name}"));
        let (timestamp, nonce) = (query("timestamp")?, query("nonce")?);
        let signature = query("msg_signature")?;
        if query("encrypt_type")? != "aes" {
            return Err("encrypt_type".to_owned());
        }
        if self.body.len() > 256 * 1024 {
            return Err("too large".to_owned());
        }
        let encrypted = xml::child_text(&self.body, "Encrypt").ok_or("Encrypt")?;
        if pair.msg_signature(timestamp, nonce, &encrypted) != *signature {
            return Err("msg_signature".to_owned());
        }
        decrypt(&pair.key, &encrypted, COMPONENT).map_err(|error| error.to_string())
    }

    /// The document of a good push.
    #[track_caller]
    pub(super) fn document(&self) -> String {
        self.open(&pair()).expect("a genuine push")
    }

    /// A top-level element of a good push.
    #[track_caller]
    pub(super) fn field(&self, name: &str) -> String {
        let document = self.document();
        xml::child_text(&document, name).unwrap_or_else(|| panic!("no {name} in {document}"))
    }
}
