//! A full inbox goes into `PostgreSQL`.

use crate::{
    bench::{
        Bench, Row,
        bed::{Bed, connect},
        figures::{Bound, Target},
        floors::{self, postgres, rabbitmq::Queues},
        load::Kind,
        plan::{BEFORE, NOW},
    },
    world::Stack,
};

pub(super) const ROW: Row = Row {
    name: "inbox",
    about: "RabbitMQ's inbox to PostgreSQL, different accounts, beside plain inserts of the same rows, 256 callbacks each",
    unit: "/s",
    targets: &[
        Target::ratio(NOW, BEFORE, Bound::AtLeast(2.5)),
        Target::ratio(NOW, floors::CALLBACKS, Bound::None),
        Target::ratio(NOW, floors::ROWS, Bound::AtLeast(0.1)),
    ],
    round: |bench, round| Box::pin(measure(bench, round)),
};

async fn measure(bench: &Bench, round: usize) -> Vec<(String, f64)> {
    let count = bench.count(20_000, 5_000);
    let mut figures = Vec::new();
    for version in bench.plan.versions(round) {
        let mut bed = Bed::new(bench, &version, Stack::Servers).await;
        bench.fill(&bed, Kind::Accounts, count).await;
        let queues = Queues::open(&bed.servers().broker_url).await;
        bed.start(&["ingress"], &[]);
        bed.wait("a full inbox", async || (queues.waiting().await >= count).then_some(())).await;
        bed.stop_all().await;
        queues.close().await;
        bed.start(&["worker", "--migrate"], &[]);
        figures.push((version.name.to_owned(), bed.drained(count).await));
        bed.stop_all().await;
        if version.name == NOW {
            let copy = Bed::new(bench, &version, Stack::Servers).await;
            copy.command(&["migrate"]);
            let owner = connect(&copy.servers().owner_url).await;
            let worker = connect(&bed.servers().owner_url).await;
            figures.extend(postgres::copy(&worker, &owner, count).await.figures());
            copy.give_back().await;
        }
        bed.give_back().await;
    }
    figures
}
