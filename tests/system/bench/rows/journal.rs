//! A full journal goes into `SQLite`, in one process.

use crate::{
    bench::{
        Bench, Row,
        bed::Bed,
        figures::{Bound, Target},
        floors::{self, sqlite},
        load::Kind,
        plan::{BEFORE, NOW},
    },
    world::Stack,
};

pub(super) const ROW: Row = Row {
    name: "journal",
    about: "journal to SQLite, different accounts, beside the same rows by batches of 256 callbacks",
    unit: "/s",
    targets: &[
        Target::ratio(NOW, BEFORE, Bound::None),
        Target::ratio(NOW, floors::CALLBACKS, Bound::None),
        Target::ratio(NOW, floors::ROWS, Bound::AtLeast(0.18)),
    ],
    round: |bench, round| Box::pin(measure(bench, round)),
};

async fn measure(bench: &Bench, round: usize) -> Vec<(String, f64)> {
    let count = bench.count(30_000, 8_000);
    let mut figures = Vec::new();
    for version in bench.plan.versions(round) {
        let mut bed = Bed::new(bench, &version, Stack::Embedded).await;
        bench.fill(&bed, Kind::Accounts, count).await;
        bed.start(&["standalone"], &[]);
        figures.push((version.name.to_owned(), bed.drained(count).await));
        bed.stop_all().await;
        if version.name == NOW {
            let (store, copy) = (bed.data().join("mandate.db"), bed.data().join("copy.db"));
            figures.extend(sqlite::copy(&store, &copy, count).figures());
        }
        bed.give_back().await;
    }
    figures
}
