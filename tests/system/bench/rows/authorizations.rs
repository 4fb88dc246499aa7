//! Merchants authorize: from the callback's sending to the last event of its redemption, with the profile.

use crate::{
    bench::{
        Bench, Row,
        bed::Bed,
        figures::{Bound, Target},
        floors::api,
        load::{Kind, make},
        plan::{BEFORE, NOW},
    },
    world::Stack,
};

const CALLS: &str = "the API's calls alone";

pub(super) const EMBEDDED: Row = Row {
    name: "authorizations-sqlite",
    about: "authorized to redeemed, with the profile, one process on SQLite, beside the version before and the calls alone",
    unit: "/s",
    targets: &[Target::ratio(NOW, BEFORE, Bound::AtLeast(2.4)), Target::ratio(NOW, CALLS, Bound::None)],
    round: |bench, round| Box::pin(measure(bench, round, Stack::Embedded)),
};

pub(super) const SERVERS: Row = Row {
    name: "authorizations-servers",
    about: "the same through ingress, RabbitMQ, worker and PostgreSQL",
    targets: &[Target::ratio(NOW, BEFORE, Bound::AtLeast(3.5)), Target::ratio(NOW, CALLS, Bound::None)],
    round: |bench, round| Box::pin(measure(bench, round, Stack::Servers)),
    ..EMBEDDED
};

async fn measure(bench: &Bench, round: usize, stack: Stack) -> Vec<(String, f64)> {
    let mut figures = Vec::new();
    for version in bench.plan.versions(round) {
        let bed = Bed::running(bench, &version, stack).await;
        bed.through(make(bed.simulator(), Kind::Tickets, 1), Kind::Tickets.events()).await;
        let pushes = make(bed.simulator(), Kind::Authorizations, bench.count(2_000, 400));
        figures.push((version.name.to_owned(), bed.through(pushes, Kind::Authorizations.events()).await));
        if version.name == NOW {
            figures.push((CALLS.to_owned(), api::redeem(&bed, bench.count(2_000, 400)).await));
        }
        bed.give_back().await;
    }
    figures
}
