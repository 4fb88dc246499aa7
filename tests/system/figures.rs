//! Figures of the whole system, measured and not judged: `tests/soak figures`.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use crate::{
    load::Load,
    world::{COMPONENT_A as A, Stack, World},
};

/// How long the load lasts.
const LOAD: Duration = Duration::from_secs(15);

#[tokio::test]
#[ignore = "measures; tests/soak figures"]
async fn of_one_process() {
    measure(Stack::Embedded).await;
}

mod on_servers {
    use super::*;

    #[tokio::test]
    #[ignore = "measures; tests/soak figures"]
    async fn of_ingress_and_worker() {
        measure(Stack::Servers).await;
    }
}

/// Merchants authorize as fast as six callers can make them, three of four pushes; each costs the worker two calls of
/// `WeChat`'s API and three events.
async fn measure(stack: Stack) {
    let world = World::on(stack).await;
    world.ticket(A).await;
    world.settle().await;
    say(&format!("{stack:?}: idle {}", world.memory()));
    let load = Load::new(&world);
    let began = Instant::now();
    let workers = load.start();
    sleep(LOAD).await;
    workers.stop().await;
    let (pushes, taken) = (load.pushed(), began.elapsed());
    world.settle().await;
    let settled = began.elapsed();
    let rate = |time: Duration| u128::from(pushes) * 1_000 / time.as_millis();
    say(&format!(
        "{stack:?}: {pushes} callbacks, {}/s answered, {}/s until their last event; loaded {}",
        rate(taken),
        rate(settled),
        world.memory()
    ));
    world.finish().await;
}

fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr");
}
