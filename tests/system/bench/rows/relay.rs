//! A full journal goes to `RabbitMQ`.

use crate::{
    bench::{
        Bench, Row,
        bed::{Bed, rate},
        figures::{Bound, Target},
        floors::rabbitmq::Queues,
        load::Kind,
        plan::NOW,
    },
    world::Stack,
};

const FLOOR: &str = "bare publisher";

pub(super) const ROW: Row = Row {
    name: "relay",
    about: "journal to RabbitMQ, confirmed, beside a bare pipelined publisher of the same messages",
    unit: "/s",
    targets: &[Target::ratio(NOW, FLOOR, Bound::AtLeast(0.8))],
    round: |bench, round| Box::pin(measure(bench, round)),
};

async fn measure(bench: &Bench, round: usize) -> Vec<(String, f64)> {
    let count = bench.count(30_000, 8_000);
    let mut figures = Vec::new();
    for version in bench.plan.versions(round) {
        let mut bed = Bed::new(bench, &version, Stack::Servers).await;
        bench.fill(&bed, Kind::Accounts, count).await;
        let queues = Queues::open(&bed.servers().broker_url).await;
        bed.start(&["ingress"], &[]);
        figures.push((version.name.to_owned(), rate(&bed, count, async || queues.waiting().await).await));
        bed.stop_all().await;
        if version.name == NOW {
            let messages = queues.take(count).await;
            figures.push((FLOOR.to_owned(), queues.publish(&messages).await));
        }
        queues.close().await;
        bed.give_back().await;
    }
    figures
}
