//! Strangers hold connections on every port: genuine pushes are answered all the same.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use mandate_schema::Secret;
use mandate_wechat::{
    envelope::{EncodingAesKey, cipher},
    signature,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{interval, sleep, timeout},
};

use crate::world::{COMPONENT_A as A, Options, Weight, World};

/// What a stranger does with a connection.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Silent,
    /// A byte of a head now and then.
    DrippingHead,
    /// A chunk of one byte now and then.
    DrippingBody,
    /// Most of a body that never ends.
    StalledBody,
    /// Many chunks of one byte.
    SmallChunks,
}

/// How many connections do what, on one port.
type Crowd = [(Manner, usize)];

/// Strangers at work; all of them leave when this is dropped.
#[derive(Default)]
struct Strangers {
    tasks: JoinSet<()>,
    opened: Arc<AtomicU64>,
}

impl Strangers {
    fn come(&mut self, port: u16, crowd: &Crowd) {
        for (manner, count) in crowd {
            for number in 0..*count {
                let (manner, opened) = (*manner, self.opened.clone());
                self.tasks.spawn(async move {
                    // Not all in the same millisecond.
                    sleep(Duration::from_millis(number as u64 % 1_000)).await;
                    loop {
                        if let Ok(socket) = TcpStream::connect(("127.0.0.1", port)).await {
                            opened.fetch_add(1, Ordering::Relaxed);
                            // Whoever is closed comes again.
                            let _ = manner.hold(socket).await;
                        }
                        sleep(Duration::from_millis(200)).await;
                    }
                });
            }
        }
    }
}

impl Manner {
    /// Holds a connection until the other side ends it.
    async fn hold(self, socket: TcpStream) -> std::io::Result<()> {
        let (mut from, mut to) = socket.into_split();
        let ended = async {
            while from.read(&mut [0; 512]).await? > 0 {}
            Ok(())
        };
        let act = async {
            match self {
                Self::Silent => std::future::pending().await,
                Self::DrippingHead => drip(&mut to, b"GET /wechat HTTP/1.1\r\nHost: h\r\nX: ", b"x").await,
                Self::DrippingBody => drip(&mut to, CHUNKED, b"1\r\nx\r\n").await,
                Self::StalledBody => {
                    let head = "POST /wechat HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n";
                    to.write_all((head.to_owned() + &"x".repeat(59_000)).as_bytes()).await?;
                    std::future::pending().await
                }
                Self::SmallChunks => {
                    to.write_all(CHUNKED).await?;
                    loop {
                        to.write_all("1\r\nx\r\n".repeat(200).as_bytes()).await?;
                        sleep(Duration::from_millis(20)).await;
                    }
                }
            }
        };
        tokio::select! { ended = ended => ended, acted = act => acted }
    }
}

const CHUNKED: &[u8] = b"POST /wechat HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

async fn drip(to: &mut (impl AsyncWriteExt + Unpin), start: &[u8], again: &[u8]) -> std::io::Result<()> {
    to.write_all(start).await?;
    let mut every = interval(Duration::from_millis(500));
    loop {
        every.tick().await;
        to.write_all(again).await?;
    }
}

/// What genuine pushes met with.
#[derive(Default)]
pub(crate) struct Answers {
    waits: Vec<Duration>,
    pub(crate) refused: usize,
}

impl Answers {
    pub(crate) fn count(&self) -> usize {
        self.waits.len()
    }

    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let mut waits = self.waits.clone();
        waits.sort();
        waits
            .get((waits.len() * percent / 100).min(waits.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }
}

/// Pushes twenty notices a second for so long, each on a connection of its own.
pub(crate) async fn push(world: &World, time: Duration) -> Answers {
    let (mut answers, mut every, began) =
        (Answers::default(), interval(Duration::from_millis(50)), Instant::now());
    while began.elapsed() < time {
        every.tick().await;
        let request = request(world, answers.waits.len());
        let asked = Instant::now();
        let answer = timeout(Duration::from_secs(5), ask(world.options.ingress_port, &request)).await;
        answers.waits.push(asked.elapsed());
        let is_success = matches!(answer, Ok(Ok(text)) if text.ends_with("\r\n\r\nsuccess"));
        answers.refused += usize::from(!is_success);
    }
    answers
}

/// Sends a request on a connection of its own; the whole answer.
pub(crate) async fn ask(port: u16, request: &str) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await?;
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// A notice as `WeChat` pushes it.
pub(crate) struct Genuine {
    /// Path and query.
    pub(crate) target: String,
    pub(crate) body: String,
}

impl Genuine {
    pub(crate) fn new(world: &World, number: usize) -> Self {
        let pair = &world.options.components[0].pairs[0];
        let key = EncodingAesKey::parse(&Secret::new(pair.key.as_str())).expect("a key");
        let now = jiff::Timestamp::now().as_second();
        let text = format!(
            "<xml><AppId>{A}</AppId><CreateTime>{now}</CreateTime><InfoType>some_notice</InfoType>\
             <n>{number}</n></xml>"
        );
        let encrypt = cipher::encrypt(&key, A, [7; 16], text.as_bytes());
        let sign = signature::sign(&[&pair.token, &now.to_string(), "13579", &encrypt]);
        Self {
            target: format!(
                "/wechat/{A}/events?timestamp={now}&nonce=13579&encrypt_type=aes&msg_signature={sign}"
            ),
            body: format!("<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>"),
        }
    }
}

/// The same as a whole request on a connection of its own.
pub(crate) fn request(world: &World, number: usize) -> String {
    let Genuine { target, body } = Genuine::new(world, number);
    let length = body.len();
    format!(
        "POST {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Looks at readiness on both ports while the crowd is there; how long the longest look took.
async fn look(world: &World, time: Duration) -> Duration {
    let (began, mut longest) = (Instant::now(), Duration::ZERO);
    while began.elapsed() < time {
        for port in [world.options.admin_port, world.options.console_port] {
            let asked = Instant::now();
            let request = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            let ready = async {
                while !ask(port, request).await.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 ")) {}
            };
            timeout(Duration::from_secs(30), ready).await.expect("readiness is answered");
            longest = longest.max(asked.elapsed());
        }
    }
    longest
}

/// The crowd on the callback port and a smaller one on each of the others; pushes meanwhile, and a look at readiness.
async fn besiege(
    options: Options,
    callbacks: &Crowd,
    others: &Crowd,
    time: Duration,
) -> (String, Answers, u64) {
    let limits = options.limits.unwrap_or("no limits");
    let world = World::with(options).await;
    world.ticket(A).await;
    world.settle().await;
    let mut strangers = Strangers::default();
    strangers.come(world.options.ingress_port, callbacks);
    for port in [world.options.admin_port, world.options.console_port, world.options.public_port] {
        strangers.come(port, others);
    }
    let wanted: usize = callbacks.iter().chain(others).map(|(_, count)| count).sum();
    let opened = strangers.opened.clone();
    world.wait("the crowd", async |_| (opened.load(Ordering::Relaxed) >= wanted as u64).then_some(())).await;
    let (answers, looked) = tokio::join!(push(&world, time), look(&world, time));
    drop(strangers);
    let recovering = Instant::now();
    world
        .wait("only a few connections to be left", async |world| {
            let page = world.try_get(&world.admin_url("/metrics")).await?;
            let page = page.as_str()?;
            let open = page
                .lines()
                .find_map(|line| line.strip_prefix("mandate_connections{listener=\"callbacks\"} "))?;
            open.parse::<u64>().ok().filter(|open| *open < 100)
        })
        .await;
    let recovered = recovering.elapsed();
    let memory = world.peak_memory();
    let figures = format!(
        "{limits}: {} connections opened, {} pushes, {} refused, p50 {:?}, p99 {:?}, readiness at most {looked:?}, recovered {recovered:?}, at most {memory} MB",
        opened.load(Ordering::Relaxed),
        answers.waits.len(),
        answers.refused,
        answers.percentile(50),
        answers.percentile(99),
    );
    world.finish().await;
    (figures, answers, memory)
}

#[tokio::test]
async fn a_crowd_on_every_port_does_not_hold_up_a_push() {
    let options = Options { limits: Some("--nofile=256:1024"), weight: Weight::Heavy, ..Options::new() };
    let crowd = [
        (Manner::Silent, 500),
        (Manner::DrippingHead, 100),
        (Manner::DrippingBody, 100),
        (Manner::StalledBody, 100),
        (Manner::SmallChunks, 20),
    ];
    let others = [(Manner::Silent, 50), (Manner::DrippingBody, 30), (Manner::StalledBody, 30)];
    let (figures, answers, memory) = besiege(options, &crowd, &others, Duration::from_secs(8)).await;
    assert_eq!(answers.refused, 0, "{figures}");
    assert!(memory < 256, "{figures}");
}

#[tokio::test]
#[ignore = "minutes; tests/soak crowds"]
async fn soak_crowds() {
    mandate_runtime::open_files::raise().expect("nobody needs a right for that");
    let minute = Duration::from_mins(1);
    let four = |silent, count| {
        [
            (Manner::Silent, silent),
            (Manner::DrippingHead, count),
            (Manner::DrippingBody, count),
            (Manner::StalledBody, count / 2),
        ]
    };
    let full = besiege(Options::new(), &four(9_000, 1_000), &four(500, 500), minute).await;
    say(&full.0);
    let few = Options { limits: Some("--nofile=1024:4096"), ..Options::new() };
    let few = besiege(few, &four(9_000, 1_000), &four(500, 500), minute).await;
    say(&few.0);
    let bodies = [(Manner::StalledBody, 1_000), (Manner::SmallChunks, 200)];
    let bodies = besiege(Options::new(), &bodies, &[], minute).await;
    say(&bodies.0);
    for (figures, answers, memory) in [full, few, bodies] {
        assert!(answers.refused == 0 && memory < 256, "{figures}");
    }
}

fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr");
}
