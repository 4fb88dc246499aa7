//! Tickets of one component, from their sending to the log: one stream.

use crate::{
    bench::{
        Bench, Row,
        bed::Bed,
        figures::{Bound, Target},
        load::{Kind, make},
        plan::{BEFORE, NOW, Version},
    },
    world::Stack,
};

const ACCOUNTS: &str = "different accounts";
const TARGETS: &[Target] =
    &[Target::ratio(NOW, ACCOUNTS, Bound::AtLeast(0.5)), Target::ratio(NOW, BEFORE, Bound::None)];

pub(super) const EMBEDDED: Row = Row {
    name: "tickets-sqlite",
    about: "tickets of one component from end to end, one process on SQLite, beside different accounts on the same path",
    unit: "/s",
    targets: TARGETS,
    round: |bench, round| Box::pin(measure(bench, round, Stack::Embedded)),
};

pub(super) const SERVERS: Row = Row {
    name: "tickets-servers",
    about: "the same through ingress, RabbitMQ, worker and PostgreSQL",
    round: |bench, round| Box::pin(measure(bench, round, Stack::Servers)),
    ..EMBEDDED
};

async fn measure(bench: &Bench, round: usize, stack: Stack) -> Vec<(String, f64)> {
    let mut figures = Vec::new();
    for version in bench.plan.versions(round) {
        // Before, one took so long that few are enough.
        let count = if version.name == NOW { bench.count(2_000, 400) } else { bench.count(1_000, 200) };
        figures.push((version.name.to_owned(), through(bench, &version, stack, Kind::Tickets, count).await));
        if version.name == NOW {
            let count = bench.count(15_000, 3_000);
            figures.push((ACCOUNTS.to_owned(), through(bench, &version, stack, Kind::Accounts, count).await));
        }
    }
    figures
}

async fn through(bench: &Bench, version: &Version, stack: Stack, kind: Kind, count: u32) -> f64 {
    let bed = Bed::running(bench, version, stack).await;
    let pushes = make(bed.simulator(), kind, count);
    let figure = bed.through(pushes, kind.events()).await;
    bed.give_back().await;
    figure
}
