//! Processor time of each process for a plain callback, from end to end.

use crate::{
    bench::{
        Bench, Row,
        bed::Bed,
        figures::{Bound, Target},
        load::{Kind, make},
        processes::seconds,
    },
    world::{Stack, servers::variable},
};

pub(super) const ROW: Row = Row {
    name: "processor",
    about: "processor time for each plain callback of different accounts, through ingress, RabbitMQ, worker and PostgreSQL",
    unit: "µs",
    targets: &[
        Target::figure("ingress, now", Bound::AtMost(70.0)),
        Target::figure("worker, now", Bound::AtMost(60.0)),
        Target::figure("PostgreSQL, now", Bound::AtMost(80.0)),
        Target::figure("RabbitMQ, now", Bound::AtMost(184.0)),
    ],
    round: |bench, round| Box::pin(measure(bench, round)),
};

async fn measure(bench: &Bench, round: usize) -> Vec<(String, f64)> {
    let count = bench.count(20_000, 5_000);
    let server = |name: &str| variable(name).parse::<u32>().expect("a process id");
    let mut figures = Vec::new();
    for version in bench.plan.versions(round) {
        let bed = Bed::running(bench, &version, Stack::Servers).await;
        let pushes = make(bed.simulator(), Kind::Accounts, count);
        let mut processes: Vec<(&str, u32)> =
            ["ingress", "worker"].into_iter().zip(bed.process_ids()).collect();
        processes.push(("PostgreSQL", server("MANDATE_BENCH_POSTGRES")));
        processes.push(("RabbitMQ", server("MANDATE_BENCH_RABBITMQ")));
        let before: Vec<f64> = processes.iter().map(|(_, id)| seconds(*id)).collect();
        bed.through(pushes, Kind::Accounts.events()).await;
        for ((name, id), before) in processes.iter().zip(before) {
            let each = (seconds(*id) - before) * 1e6 / f64::from(count);
            figures.push((format!("{name}, {}", version.name), each));
        }
        bed.give_back().await;
    }
    figures
}
