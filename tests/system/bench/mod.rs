//! `tests/bench`: what a release build does, beside what bounds it, measured in turns in one run. A row is one file in
//! `rows/`. Nothing is judged: a target that is missed is printed.

mod bed;
mod figures;
mod floors;
mod head;
mod load;
mod plan;
mod processes;
mod rows;

use std::{io::Write, panic::AssertUnwindSafe, pin::Pin};

use futures_util::FutureExt;

use self::{
    figures::{Outcome, Target},
    load::Fills,
    plan::Plan,
};
use crate::world::Options;

/// A row of the table.
#[derive(Clone, Copy)]
struct Row {
    /// How it is asked for.
    name: &'static str,
    about: &'static str,
    unit: &'static str,
    targets: &'static [Target],
    /// Measures each lane once.
    round: for<'a> fn(&'a Bench, usize) -> Measuring<'a>,
}

/// Lanes and their figures.
type Measuring<'a> = Pin<Box<dyn Future<Output = Vec<(String, f64)>> + 'a>>;

/// What all rows share.
struct Bench {
    plan: Plan,
    /// Components and keys of all beds, so that what one has stored another one can open.
    options: Options,
    fills: Fills,
}

impl Bench {
    /// How many callbacks: `full`, or `quick`.
    fn count(&self, full: u32, quick: u32) -> u32 {
        if self.plan.quick { quick } else { full }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; tests/bench"]
async fn bench() {
    mandate_runtime::tls::install_provider();
    let bench = Bench { plan: Plan::read(), options: Options::new(), fills: Fills::default() };
    let rows = bench.plan.choose(&rows::ALL);
    let empty = |row: &Row| Outcome {
        name: row.name,
        about: row.about,
        unit: row.unit,
        lanes: Vec::new(),
        targets: row.targets,
        failure: None,
    };
    let mut outcomes: Vec<Outcome> = rows.iter().map(empty).collect();
    for round in 0..bench.plan.rounds() {
        for (row, outcome) in rows.iter().zip(&mut outcomes) {
            measure(&bench, row, round, outcome).await;
        }
        keep(&bench.plan, &outcomes); // a run that is interrupted leaves the rounds that it has ended
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{}", figures::table(&outcomes)).expect("stdout");
}

/// One round of a row. A row that fails keeps the others' figures.
async fn measure(bench: &Bench, row: &Row, round: usize, outcome: &mut Outcome) {
    let measured = AssertUnwindSafe((row.round)(bench, round)).catch_unwind().await;
    match measured {
        Ok(figures) => {
            for (lane, figure) in figures {
                say(&format!("round {}: {}, {lane}: {figure:.1} {}", round + 1, row.name, row.unit));
                outcome.add(&lane, figure);
            }
        }
        Err(panic) => {
            let text =
                panic.downcast_ref::<String>().map_or("see above", |text| text.lines().next().unwrap_or(""));
            outcome.failure = Some(format!("round {}: {text}", round + 1));
        }
    }
}

/// Writes the table and the JSON.
fn keep(plan: &Plan, outcomes: &[Outcome]) {
    let run = plan.describe();
    let document = serde_json::to_string_pretty(&figures::document(&run, outcomes)).expect("JSON");
    let table = format!("{run}\n\n{}", figures::table(outcomes));
    let name = if plan.quick { "quick" } else { "bench" };
    for (ending, text) in [("json", document + "\n"), ("md", table)] {
        let file = plan.folder.join(format!("{name}.{ending}"));
        std::fs::write(&file, text).expect("a writable folder");
        say(&format!("written: {}", file.display()));
    }
}

fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr");
}
