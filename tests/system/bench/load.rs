//! Callbacks: genuine, signed, all different, made before anything is measured.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use mandate_schema::{AuthorizerId, ComponentId};
use mandate_simulator::{PushSpec, SealedPush, Simulator};
use tokio::{sync::Mutex, task::JoinSet};

use super::{Bench, bed::Bed, plan::Version};
use crate::world::{COMPONENT_A as A, Stack, free_port};

/// Connections over which callbacks come.
const CALLERS: usize = 32;

/// What callbacks say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// `unauthorized`, each of an account that nobody knows: one event, no task, streams of their own.
    Accounts,
    /// Tickets of one component: one event each in one stream.
    Tickets,
    /// `authorized`, each of a new account: redeemed, and its profile fetched.
    Authorizations,
}

impl Kind {
    /// Events that one of them leaves in the log at the end.
    pub(super) fn events(self) -> u32 {
        match self {
            Self::Accounts | Self::Tickets => 1,
            // Granted, credentials, profile.
            Self::Authorizations => 3,
        }
    }

    fn spec(self, number: u32, count: u32, now: i64) -> PushSpec {
        let component = ComponentId::parse(A).expect("an appid");
        let of = |info_type: &str, time: i64| {
            let spec = PushSpec::event(component.clone(), info_type);
            PushSpec { create_time: Some(time), ..spec }
        };
        let account = || AuthorizerId::parse(&format!("wx{:016x}", fastrand::u64(..))).expect("an appid");
        match self {
            Self::Accounts => PushSpec { authorizer: Some(account()), ..of("unauthorized", now) },
            Self::Authorizations => PushSpec { authorizer: Some(account()), ..of("authorized", now) },
            // Each is newer than the one before it.
            Self::Tickets => of("component_verify_ticket", now - i64::from(count - number)),
        }
    }
}

/// Makes callbacks and lets happen what they say.
pub(super) fn make(simulator: &Simulator, kind: Kind, count: u32) -> Vec<SealedPush> {
    let now = jiff::Timestamp::now().as_second();
    let made = (0..count).map(|number| simulator.seal(&kind.spec(number, count, now)));
    made.collect::<Result<_, _>>().expect("orders that the simulator takes")
}

/// Sends all of them; each must be answered `success`.
pub(super) async fn send(pushes: Vec<SealedPush>) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let size = pushes.len().div_ceil(CALLERS).max(1);
    let mut callers = JoinSet::new();
    for share in pushes.chunks(size).map(<[_]>::to_vec) {
        let client = client.clone();
        callers.spawn(async move {
            for push in share {
                let request =
                    client.post(&push.url).header("content-type", push.content_type).body(push.body);
                let answer = request.send().await.expect("an answer").text().await.expect("a body");
                assert_eq!(answer, "success");
            }
        });
    }
    callers.join_all().await;
}

/// Journals that are full already, made once for each version.
#[derive(Default)]
pub(super) struct Fills(Mutex<HashMap<(Version, Kind, u32), tempfile::TempDir>>);

impl Bench {
    /// Puts a journal with so many callbacks that wait for the worker into a bed.
    pub(super) async fn fill(&self, bed: &Bed, kind: Kind, count: u32) {
        let mut fills = self.fills.0.lock().await;
        let key = (bed.version.clone(), kind, count);
        if !fills.contains_key(&key) {
            fills.insert(key.clone(), self.filled(&bed.version, kind, count).await);
        }
        copy(fills[&key].path(), &bed.data());
    }

    /// Ingress takes them and finds no broker.
    async fn filled(&self, version: &Version, kind: Kind, count: u32) -> tempfile::TempDir {
        let mut bed = Bed::new(self, version, Stack::Embedded).await;
        let (nowhere, key) = (format!("amqp://127.0.0.1:{}", free_port()), bed.settle_key());
        let settle = format!("http://127.0.0.1:{}", free_port());
        bed.start(
            &["ingress"],
            &[
                ("MANDATE_BROKER__URL", nowhere.as_str()),
                ("MANDATE_INGRESS__SETTLE_KEY", key.as_str()),
                ("MANDATE_INGRESS__SETTLE_URL", settle.as_str()),
            ],
        );
        bed.listens().await;
        send(make(bed.simulator(), kind, count)).await;
        bed.stop_all().await;
        let kept = tempfile::Builder::new().prefix("mandate-bench-fill-").tempdir().expect("a folder");
        copy(&bed.data(), kept.path());
        bed.give_back().await;
        kept
    }
}

fn copy(from: &Path, to: &Path) {
    let files = fs::read_dir(from).expect("our own folder").map(|entry| entry.expect("an entry").path());
    let journal = |file: &PathBuf| {
        file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"journal.db"))
    };
    for file in files.filter(journal) {
        fs::copy(&file, to.join(file.file_name().expect("a name"))).expect("room for a copy");
    }
}
