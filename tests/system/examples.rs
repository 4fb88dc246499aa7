//! The examples for subscribers, as a reader of the documentation would run them: whatever is killed, each does the work of each
//! event once.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};

use tokio::time::{Instant, sleep};

use crate::world::{PATIENCE, Service, World, free_port, servers::variable};

/// A program of `docs/examples` that runs.
pub(crate) struct Example {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<PathBuf>,
    environment: Vec<(&'static str, String)>,
    state: PathBuf,
    running: Option<Service>,
}

pub(crate) const ALL: [&str; 5] = ["rabbitmq.py", "rabbitmq.js", "rabbitmq.rs", "stream.sh", "webhook.py"];

impl Example {
    /// An example over a world that has a broker, begun at the beginning of the log.
    pub(crate) async fn start(world: &mut World, name: &'static str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples").join(name);
        let (program, arguments) = match name.rsplit('.').next() {
            Some("py") => (PathBuf::from(variable("MANDATE_TEST_PYTHON")), vec![file]),
            Some("js") => ("node".into(), vec![file]),
            Some("rs") => (compiled(), Vec::new()),
            _ => (file, Vec::new()),
        };
        let mut environment =
            vec![("STATE", String::new()), ("NODE_PATH", variable("MANDATE_TEST_NODE_MODULES"))];
        if name.starts_with("rabbitmq") {
            environment
                .push(("AMQP_URL", world.options.servers.as_ref().expect("servers").broker_url.clone()));
        } else if name == "stream.sh" {
            environment.push(("API", world.console_url("")));
        } else {
            let port = free_port();
            let secret = webhook(world, port).await;
            environment.extend([("PORT", port.to_string()), ("WEBHOOK_SECRET", secret)]);
        }
        let state = world.folder().join(format!("{name}.state"));
        environment[0].1 = state.display().to_string();
        let mut example = Self { name, program, arguments, environment, state, running: None };
        example.run(world);
        example
    }

    pub(crate) fn run(&mut self, world: &World) {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).envs(self.environment.iter().map(|(name, value)| (*name, value)));
        self.running = Some(Service::run(&mut command, &world.folder().join(format!("{}.log", self.name))));
    }

    /// Kills it with SIGKILL.
    pub(crate) async fn kill(&mut self) {
        self.running.take().expect("it runs").kill().await;
    }

    fn extension(&self) -> Option<&'static str> {
        self.name.rsplit('.').next()
    }

    /// The positions of the events whose work it has done, in order.
    fn done(&self) -> Vec<u64> {
        if self.extension() == Some("py") {
            return self.rows().unwrap_or_default(); // none yet
        }
        let text = std::fs::read_to_string(&self.state).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let position = |line: &str| match line.split_once('\t') {
            Some((position, _)) => position.parse().ok(),
            None => serde_json::from_str::<Value>(line).ok()?["sequence"].as_str()?.parse().ok(),
        };
        whole.lines().map(|line| position(line).unwrap_or_else(|| panic!("{}: {line}", self.name))).collect()
    }

    fn rows(&self) -> rusqlite::Result<Vec<u64>> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let state = rusqlite::Connection::open_with_flags(&self.state, flags)?;
        let mut rows = state.prepare("select sequence from done order by sequence")?;
        rows.query_map([], |row| Ok(row.get::<_, i64>(0)?.cast_unsigned()))?.collect()
    }

    /// Waits until it has done the work of the whole log, each event once.
    pub(crate) async fn finish(mut self, world: &World, head: usize) {
        let wanted: Vec<u64> = (1..=head as u64).collect();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let done = self.done().len();
            assert!(done <= head, "{}: {done} of {head} were done", self.name);
            if done == head {
                break;
            }
            let log = || std::fs::read_to_string(world.folder().join(format!("{}.log", self.name)));
            assert!(Instant::now() < deadline, "{} did {done} of {head}: {:?}", self.name, log());
            sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(self.done(), wanted, "{}", self.name);
        self.kill().await;
        assert_eq!(self.done(), wanted, "{}", self.name);
    }
}

/// The Rust one, which cargo makes with the tests unless only some of them were asked for.
fn compiled() -> PathBuf {
    let tests = std::env::current_exe().expect("this program");
    let program = tests.ancestors().nth(2).expect("cargo's folder").join("examples/subscriber");
    if !program.exists() {
        let arguments = ["build", "--quiet", "--locked", "--package", "mandate", "--example", "subscriber"];
        let built = Command::new(env!("CARGO")).args(arguments).status();
        assert!(built.is_ok_and(|status| status.success()), "the example is built");
    }
    program
}

/// Registers a webhook for the whole log; its secret.
async fn webhook(world: &mut World, port: u16) -> String {
    let order = json!({ "url": format!("http://127.0.0.1:{port}/"), "after": 0 });
    let answer = world.http.post(world.console_url("/api/v1/webhooks")).json(&order).send().await;
    let answer = answer.expect("the API answers").text().await.expect("a body");
    let told: Value = serde_json::from_str(&answer).expect("JSON");
    let secret = told["secret"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned();
    world.planted.push(secret.clone());
    secret
}

#[test]
fn each_example_is_short_enough_to_be_read() {
    for name in ALL {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples").join(name);
        let lines = std::fs::read_to_string(file).expect("it is there").lines().count();
        assert!(lines < 60, "{name} has {lines} lines");
    }
}

mod on_servers {
    use super::*;
    use crate::{
        load::Load,
        world::{COMPONENT_A as A, Options, own_servers::OwnServers, servers::Servers},
    };

    /// Appends so many events while everything is killed so many times, one after the other; how many they were.
    async fn through_deaths(events: usize, rounds: usize) -> usize {
        let mut servers = OwnServers::start().await;
        let names = Servers::on(&servers.postgres_url(), &servers.rabbitmq_url()).await;
        let extra = "[webhooks]\nallow_private = [\"127.0.0.0/8\"]\n".to_owned();
        let options = Options { servers: Some(names), extra, ..Options::new() };
        let mut world = World::with(options).await;
        world.ticket(A).await;
        let queue =
            format!("{}_mandate.inbox.callbacks", world.options.servers.as_ref().expect("servers").vhost());
        world.wait("the queues to last", async |_| servers.rabbitmq.has_noted(&queue).then_some(())).await;
        let mut examples = Vec::new();
        for name in ALL {
            examples.push(Example::start(&mut world, name).await);
        }
        let load = Load::new(&world);
        for round in 1..=rounds {
            pushed(&world, &load, events, 2 * round - 1, 2 * rounds).await;
            servers.rabbitmq.kill();
            let (first, second) = (round % examples.len(), (round + 2) % examples.len());
            examples[first].kill().await;
            world.kill_worker().await;
            examples[second].kill().await;
            pushed(&world, &load, events, 2 * round, 2 * rounds).await; // it waits in the journal
            servers.rabbitmq.restart().await;
            examples[first].run(&world);
            examples[second].run(&world);
            world.start_worker().await;
        }
        world.settle().await;
        let feed = world.feed().await;
        assert!(feed.len() >= events);
        for example in examples {
            example.finish(&world, feed.len()).await;
        }
        world.finish().await;
        feed.len()
    }

    /// Pushes until so much of what makes these events was answered.
    async fn pushed(world: &World, load: &Load, events: usize, part: usize, of: usize) {
        // Three authorizations of four events each, then a notice.
        let wanted = (events * 4 / 13 + 1) * part / of;
        let workers = load.start();
        world.wait("pushes", async |_| (load.pushed() >= wanted as u64).then_some(())).await;
        workers.stop().await;
    }

    #[tokio::test]
    async fn every_example_does_each_events_work_once_whatever_dies() {
        let events = through_deaths(2_000, 3).await;
        println!("{events} events for each of {} examples, three times four deaths", ALL.len());
    }

    #[tokio::test]
    #[ignore = "tests/soak subscribers"]
    async fn soak_subscribers() {
        let events = through_deaths(20_000, 10).await;
        println!("{events} events for each of {} examples, ten times four deaths", ALL.len());
    }
}
