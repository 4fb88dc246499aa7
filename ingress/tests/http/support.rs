//! A running ingress, pushes for it, and a client that sends exactly the bytes it is told to.

use std::{
    collections::{BTreeMap, HashSet},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use mandate_broker::{CallbackOutcomes, CallbackSink, OutcomesUnavailable, SinkUnavailable};
use mandate_ingress::{
    Running, Settings,
    journal::{JournalFile, JournalStatus, Limits},
    routes::{ComponentPaths, Routes},
    serve,
};
use mandate_runtime::{
    metrics::Metrics,
    stop::Stop,
    web::{ConnectionLimits, Process, TrustedProxies},
};
use mandate_schema::{CallbackId, ComponentId, Push, PushKind, Secret};
use mandate_wechat::{
    envelope::{EncodingAesKey, KeyRing, Pair, cipher},
    signature,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::timeout,
};

pub(crate) const COMPONENT: &str = "wx1f2e3d4c5b6a7988";
pub(crate) const MERCHANT: &str = "wxa0b1c2d3e4f50617";
pub(crate) const TOKEN: &str = "RustComponentToken01";
pub(crate) const KEY: &str = "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY";
pub(crate) const EVENTS: &str = "/wechat/events";

/// How long a test waits for what must happen.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// The next place: can be down, shows what it took.
#[derive(Clone)]
pub(crate) struct Place {
    up: Arc<AtomicBool>,
    taken: Arc<watch::Sender<Vec<Push>>>,
}

/// Nobody to ask: the place settles.
pub(crate) struct Nobody;

impl CallbackOutcomes for Nobody {
    async fn settled(&self, ids: Vec<CallbackId>) -> Result<HashSet<CallbackId>, OutcomesUnavailable> {
        panic!("{ids:?} were asked about, but nothing is handed over without being settled")
    }
}

impl CallbackSink for Place {
    fn settles(_: PushKind) -> bool {
        true
    }

    async fn accept(&self, batch: Vec<Push>) -> Result<(), SinkUnavailable> {
        if !self.up.load(Ordering::SeqCst) {
            return Err(SinkUnavailable("down for the test".into()));
        }
        self.taken.send_modify(|taken| taken.extend(batch));
        Ok(())
    }
}

impl Place {
    pub(crate) fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::SeqCst);
    }

    pub(crate) async fn until_taken(&self, count: usize) -> Vec<Push> {
        let mut taken = self.taken.subscribe();
        let taken = timeout(LONG, taken.wait_for(|taken| taken.len() >= count)).await.expect("in time");
        taken.expect("the place is held").clone()
    }
}

/// An ingress on free ports.
pub(crate) struct Ingress {
    pub(crate) folder: TempDir,
    pub(crate) stop: Stop,
    pub(crate) metrics: Metrics,
    pub(crate) place: Place,
    pub(crate) running: Running,
}

impl Ingress {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_in(TempDir::new().expect("a folder"), change).await
    }

    pub(crate) async fn start_in(folder: TempDir, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings(folder.path().join("journal.db"), TOKEN);
        change(&mut settings);
        let up = Arc::new(AtomicBool::new(true));
        let place = Place { up, taken: Arc::new(watch::Sender::new(Vec::new())) };
        let process = Process::new(Stop::new(), ConnectionLimits::default());
        let running = serve(settings, place.clone(), Nobody, &process).await.expect("it starts");
        let Process { stop, metrics, .. } = process;
        Self { folder, stop, metrics, place, running }
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.folder.path().join("journal.db")
    }

    pub(crate) fn status(&self) -> JournalStatus {
        JournalFile::open(&self.journal()).expect("opens").status().expect("readable")
    }

    pub(crate) async fn post(&self, target: &str, body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        let length = body.len();
        let head = format!("POST {target} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
        let mut connection = Connection::open(self.running.listen).await;
        connection.send([head.as_bytes(), body].concat()).await;
        connection.answer().await
    }

    pub(crate) async fn push(&self, push: &Sealed) -> Answer {
        self.post(&push.target, &push.body).await
    }

    pub(crate) async fn get_admin(&self, path: &str) -> Answer {
        let mut connection = Connection::open(self.running.admin).await;
        connection.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")).await;
        connection.answer().await
    }

    /// Waits until `/readyz` answers this status.
    pub(crate) async fn until_ready(&self, status: u16) {
        let asked = async { while self.get_admin("/readyz").await.status != status {} };
        timeout(LONG, asked).await.unwrap_or_else(|_| panic!("/readyz did not become {status}"));
    }

    #[track_caller]
    pub(crate) fn assert_counted(&self, kind: &str, outcome: &str, count: u64) {
        self.assert_counted_for(COMPONENT, kind, outcome, count);
    }

    #[track_caller]
    pub(crate) fn assert_counted_for(&self, component: &str, kind: &str, outcome: &str, count: u64) {
        let sample = format!(
            "mandate_callbacks_total{{component=\"{component}\",kind=\"{kind}\",outcome=\"{outcome}\"}} {count}"
        );
        let page = self.metrics.encode();
        assert!(page.lines().any(|line| line == sample), "no {sample} in\n{page}");
    }

    /// Stops; returns the folder with the journal.
    pub(crate) async fn finish(self) -> TempDir {
        self.stop.request();
        self.stop.finish(LONG).await.expect("a clean stop");
        self.folder
    }
}

pub(crate) fn settings(journal: PathBuf, token: &str) -> Settings {
    let component = ComponentId::parse(COMPONENT).expect("valid");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let routes = Routes::compile([ComponentPaths {
        component: component.clone(),
        event_path: EVENTS.into(),
        message_path: "/wechat/messages/$APPID$".into(),
    }]);
    let key = EncodingAesKey::parse(&Secret::new(KEY)).expect("valid");
    let pair = Pair::new(Secret::new(token), key).expect("valid");
    Settings {
        listen: any,
        admin_listen: any,
        journal,
        journal_limits: Limits { reserve_bytes: 0, ..Limits::new(1 << 30) },
        body_max: 256 << 10,
        routes: routes.expect("valid"),
        rings: vec![KeyRing::new(component, vec![pair]).expect("valid")],
        replies: Vec::new(),
        proxies: TrustedProxies::default(),
    }
}

/// A push as `WeChat` would send it.
pub(crate) struct Sealed {
    pub(crate) target: String,
    pub(crate) query: String,
    pub(crate) body: String,
    pub(crate) plaintext: String,
}

impl Sealed {
    /// Encrypts a plaintext, with these 16 bytes in front of it.
    pub(crate) fn new(path: &str, plaintext: impl AsRef<[u8]>, random: [u8; 16]) -> Self {
        Self::for_component(COMPONENT, path, plaintext, random)
    }

    /// The same for a component that has the same pair.
    pub(crate) fn for_component(
        component: &str,
        path: &str,
        plaintext: impl AsRef<[u8]>,
        random: [u8; 16],
    ) -> Self {
        let key = EncodingAesKey::parse(&Secret::new(KEY)).expect("valid");
        let plaintext = plaintext.as_ref();
        let encrypt = cipher::encrypt(&key, component, random, plaintext);
        let sign = signature::sign(&[TOKEN, "1767225600", "13579", &encrypt]);
        let query = format!("timestamp=1767225600&nonce=13579&encrypt_type=aes&msg_signature={sign}");
        Self {
            target: format!("{path}?{query}"),
            query,
            body: format!("<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>"),
            plaintext: String::from_utf8_lossy(plaintext).into_owned(),
        }
    }

    /// The same push in a JSON envelope.
    pub(crate) fn in_json(self) -> Self {
        let body = self.body.replace("<xml><Encrypt><![CDATA[", r#"{"ToUserName":"gh_1","Encrypt":""#);
        Self { body: body.replace("]]></Encrypt></xml>", r#""}"#), ..self }
    }

    /// Revocation number `n`.
    pub(crate) fn event(n: u64) -> Self {
        let text = format!(
            "<xml><AppId>{COMPONENT}</AppId><CreateTime>1767225600</CreateTime><InfoType>unauthorized</InfoType>\
             <AuthorizerAppid>wx{n:016x}</AuthorizerAppid></xml>"
        );
        Self::new(EVENTS, &text, [7; 16])
    }

    /// Message number `n` of a user.
    pub(crate) fn message(n: u64) -> Self {
        let text = format!(
            "<xml><ToUserName>gh_1</ToUserName><CreateTime>1767225600</CreateTime><MsgType>text</MsgType>\
             <Content>hi</Content><MsgId>{n}</MsgId></xml>"
        );
        Self::new(&format!("/wechat/messages/{MERCHANT}"), &text, [7; 16])
    }

    /// The push of a vector.
    pub(crate) fn from_vector(vector: &Value) -> Self {
        let text = |name: &str| vector[name].as_str().unwrap_or_default();
        let path = match vector["url"].as_str() {
            Some("message") => format!("/wechat/messages/{}", text("authorizer_appid")),
            _ => EVENTS.to_owned(),
        };
        let query = format!(
            "signature={}&timestamp={}&nonce={}&encrypt_type=aes&msg_signature={}",
            text("signature"),
            text("timestamp"),
            text("nonce"),
            text("msg_signature")
        );
        Self {
            target: format!("{path}?{query}"),
            query,
            body: text("envelope").to_owned(),
            plaintext: text("plaintext").to_owned(),
        }
    }
}

/// The vectors of a file.
pub(crate) fn vectors(file: &str) -> Vec<Value> {
    let path = format!("{}/../testdata/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("readable");
    let mut file: Value = serde_json::from_str(&text).expect("JSON");
    match file["vectors"].take() {
        Value::Array(vectors) => vectors,
        other => panic!("not a list of vectors: {other}"),
    }
}

/// What the server said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// By name in lower case, without the date.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn assert_empty(&self, status: u16) {
        assert_eq!((self.status, self.body.as_str()), (status, ""), "{self:?}");
    }

    #[track_caller]
    pub(crate) fn assert_success(&self) {
        assert_eq!((self.status, self.body.as_str()), (200, "success"), "{self:?}");
        assert!(self.headers["content-type"].starts_with("text/plain"), "{self:?}");
    }
}

/// A connection to the server.
pub(crate) struct Connection(pub TcpStream);

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.expect("connected"))
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.expect("sent");
    }

    /// Reads one answer; it must have a `Content-Length`.
    pub(crate) async fn answer(&mut self) -> Answer {
        timeout(LONG, self.read_answer()).await.expect("an answer in time")
    }

    /// Expects the server to end the connection, whatever was sent on it.
    pub(crate) async fn assert_ended(&mut self) {
        let mut rest = Vec::new();
        // The end may be a reset, if something was not read.
        let _ = timeout(LONG, self.0.read_to_end(&mut rest)).await.expect("the connection was held open");
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }

    async fn read_answer(&mut self) -> Answer {
        let mut bytes = Vec::new();
        let head = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break String::from_utf8(bytes.drain(..at + 4).collect()).expect("text");
            }
            self.read_some(&mut bytes).await;
        };
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
        let status = status.parse().expect("a number");
        let mut headers: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        headers.remove("date");
        let length: usize = headers["content-length"].parse().expect("a number");
        while bytes.len() < length {
            self.read_some(&mut bytes).await;
        }
        Answer { status, headers, body: String::from_utf8(bytes).expect("text") }
    }

    async fn read_some(&mut self, bytes: &mut Vec<u8>) {
        let read = self.0.read_buf(bytes).await.expect("readable");
        assert!(read > 0, "the connection ended after {:?}", String::from_utf8_lossy(bytes));
    }
}
