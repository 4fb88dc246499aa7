//! A process dies at every named point and at any moment, under load: nothing is lost, nothing happens twice.

use std::{collections::HashMap, io::Write};

use rusqlite::Connection;
use serde_json::json;

use crate::{
    load::Load,
    scan,
    world::{COMPONENT_A as A, Ended, Options, World, own_servers::OwnServers, servers::Servers},
};

/// Points before and after each durable action.
const POINTS: [&str; 9] = [
    "journal.before_commit",
    "journal.after_commit",
    "ingress.answered",
    "relay.before_accept",
    "append.before",
    "append.after",
    "relay.before_settle",
    "task.claimed",
    "task.answered",
];
/// Those that only two processes have.
const POINTS_BETWEEN: [&str; 2] = ["settler.before_settle", "inbox.before_ack"];
/// The signal of a process that aborts.
const SIGABRT: i32 = 6;
/// Pushes of a round without a point, at most.
const PUSHES_PER_ROUND: u64 = 80;

/// How a round ends.
#[derive(Clone, Copy, Debug)]
enum Death {
    /// The process dies by itself at this point.
    Point(&'static str),
    /// The service is killed at any moment.
    AnyMoment,
    /// The broker is killed, and started again.
    Broker,
    /// The database server is killed, and started again.
    Database,
}

#[tokio::test]
async fn killed_at_every_point_under_load_nothing_is_lost_and_nothing_happens_twice() {
    embedded(20).await;
}

/// The long form: `tests/soak kill`.
#[tokio::test]
#[ignore = "the long form, run by tests/soak"]
async fn soak_kill() {
    embedded(300).await;
}

async fn embedded(rounds: usize) {
    let mut deaths: Vec<Death> = POINTS.map(Death::Point).to_vec();
    deaths.push(Death::AnyMoment);
    Kills { world: World::start().await, servers: None }.play(&deaths, rounds).await;
}

/// Its process dies whenever it has been claimed: twice beside others, three times alone.
#[tokio::test]
async fn a_task_that_kills_its_process_again_and_again_is_set_aside_and_can_be_retried() {
    let mut world = World::start().await;
    world.ticket(A).await;
    world.settle().await;
    world.stop_service().await;
    let mut merchant = None;
    for _ in 0..5 {
        world.spawn_service(&[("MANDATE_FAILPOINT", "task.claimed")]);
        if merchant.is_none() {
            world.wait_ready().await;
            merchant = Some(world.authorize(A).await);
        }
        assert_eq!(world.await_death().await, Ended::Signal(SIGABRT));
    }
    world.start_service(&[]).await;
    let letter = world
        .wait("the dead letter", async |world| world.api("/dead-letters").await["data"].get(0).cloned())
        .await;
    assert_eq!(letter["reason"], "kills_worker", "{letter}");
    let merchant = merchant.expect("a merchant");
    // Whoever is set aside is asked about: WeChat names no refresh token before a code was redeemed.
    world.wait_status(A, &merchant, "broken").await;
    let (code, _, told) = world.command(&["dead-letters", "retry", letter["id"].as_str().expect("an id")]);
    assert_eq!(code, 0, "{told}");
    world.wait_status(A, &merchant, "authorized").await;
    world.finish().await;
}

/// Its process dies whenever it is decided: three times among others, four times alone.
#[tokio::test]
async fn a_callback_that_kills_its_process_again_and_again_is_set_aside_and_the_others_go_on() {
    let mut world = World::start().await;
    world.ticket(A).await;
    world.settle().await;
    world.stop_service().await;
    let deadly = [("MANDATE_FAILPOINT", "ingest.of_death")];
    for death in 1..=7 {
        world.spawn_service(&deadly);
        if death == 1 {
            world.wait_ready().await;
            world.push(json!({"component": A, "info_type": "of_death"})).await;
        }
        assert_eq!(world.await_death().await, Ended::Signal(SIGABRT), "death {death}");
    }
    world.start_service(&deadly).await;
    let letter = world
        .wait("the dead letter", async |world| world.api("/dead-letters").await["data"].get(0).cloned())
        .await;
    assert_eq!(letter["reason"], "redelivered", "{letter}");
    let merchant = world.authorize(A).await;
    world.wait_status(A, &merchant, "authorized").await;
    world.stop_service().await;
    world.start_service(&[]).await;
    let (code, _, told) = world.command(&["dead-letters", "retry", letter["id"].as_str().expect("an id")]);
    assert_eq!(code, 0, "{told}");
    let notices = world.feed().await.into_iter().filter(|event| event["data"]["info_type"] == "of_death");
    assert_eq!(notices.count(), 1);
    world.finish().await;
}

/// A process that is asked to stop, or killed while nothing is handed over, is no death of what comes later.
#[tokio::test]
async fn restarts_and_kills_count_for_nothing_that_was_not_being_handed_over() {
    let mut world = World::start().await;
    for round in 0..4 {
        world.ticket(A).await;
        world.settle().await;
        if round % 2 == 0 {
            world.kill_service().await;
        } else {
            world.stop_service().await;
        }
        world.start_service(&[]).await;
    }
    let journal = Connection::open(world.data().join("journal.db")).expect("opens");
    let deaths = journal.query_row("select sum(deaths) from callback", [], |row| row.get::<_, i64>(0));
    assert_eq!(deaths.expect("a sum"), 0);
    world.finish().await;
}

mod on_servers {
    use super::{Death, Kills, OwnServers, POINTS, POINTS_BETWEEN, Servers, World, options_on};

    #[tokio::test]
    async fn ingress_worker_broker_and_database_killed_under_load() {
        rounds(20).await;
    }

    /// The long form: `tests/soak kill`.
    #[tokio::test]
    #[ignore = "the long form, run by tests/soak"]
    async fn soak_kill() {
        rounds(300).await;
    }

    async fn rounds(count: usize) {
        let servers = OwnServers::start().await;
        let names = Servers::on(&servers.postgres_url(), &servers.rabbitmq_url()).await;
        let mut deaths: Vec<Death> =
            [POINTS.as_slice(), &POINTS_BETWEEN].concat().into_iter().map(Death::Point).collect();
        deaths.extend([Death::AnyMoment, Death::Broker, Death::Database]);
        let world = World::with(options_on(names)).await;
        Kills { world, servers: Some(servers) }.play(&deaths, count).await;
    }
}

fn options_on(servers: Servers) -> Options {
    Options { servers: Some(servers), ..Options::new() }
}

/// A world under load in which somebody dies again and again.
struct Kills {
    world: World,
    servers: Option<OwnServers>,
}

impl Kills {
    async fn play(mut self, deaths: &[Death], rounds: usize) {
        self.world.ticket(A).await;
        if let (Some(servers), Some(names)) = (&self.servers, &self.world.options.servers) {
            let queue = format!("{}_mandate.inbox.callbacks", names.vhost());
            self.world
                .wait("the queues to last", async |_| servers.rabbitmq.has_noted(&queue).then_some(()))
                .await;
        }
        self.world.kill_service().await;
        // Servers take seconds to start again; without a pause the backlog of that time would be all that is tested.
        let load = if self.servers.is_some() { Load::gentle(&self.world) } else { Load::new(&self.world) };
        let mut died: HashMap<String, u32> = HashMap::new();
        for round in 0..rounds {
            let death = deaths[round % deaths.len()];
            self.round(&load, death).await;
            *died.entry(format!("{death:?}")).or_default() += 1;
        }
        assert_eq!(died.len(), deaths.len().min(rounds), "a death was never died: {died:?}");
        self.world.start_service(&[]).await;
        self.world.settle().await;
        let told = load.check(&self.world).await;
        writeln!(std::io::stderr(), "{rounds} kills: {told}").expect("stderr");
        let secrets = self.world.secrets().await;
        self.world.finish().await;
        if let Some(mut servers) = self.servers {
            // A server at work deletes files under the reader's hands.
            servers.postgres.kill();
            servers.rabbitmq.kill();
            scan::assert_clean(servers.folder(), &secrets, &[]);
        }
    }

    /// One round: the process starts, works under load, and somebody dies.
    async fn round(&mut self, load: &Load, death: Death) {
        let armed = match death {
            Death::Point(point) => Some(format!("{point}:{}", 1 + fastrand::u32(..8))),
            Death::AnyMoment | Death::Broker | Death::Database => None,
        };
        let environment = armed.as_deref().map(|armed| ("MANDATE_FAILPOINT", armed));
        self.world.spawn_service(environment.as_slice());
        let enough = load.pushed() + fastrand::u64(PUSHES_PER_ROUND / 2..PUSHES_PER_ROUND);
        let workers = load.start();
        match death {
            Death::Point(point) => {
                assert_eq!(self.world.await_death().await, Ended::Signal(SIGABRT), "{point}");
            }
            Death::AnyMoment => {
                self.pushed(load, enough).await;
                self.world.kill_service().await;
            }
            Death::Broker | Death::Database => {
                self.pushed(load, enough).await;
                let servers = self.servers.as_mut().expect("this stack has servers");
                let server = match death {
                    Death::Broker => &mut servers.rabbitmq,
                    _ => &mut servers.postgres,
                };
                server.kill();
                server.restart().await;
                self.world.wait_ready().await;
                self.world.kill_service().await;
            }
        }
        workers.stop().await;
    }

    async fn pushed(&mut self, load: &Load, enough: u64) {
        self.world.wait_mut("enough pushes", async |_| (load.pushed() >= enough).then_some(())).await;
    }
}
