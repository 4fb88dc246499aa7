//! What bounds us: the same work by the shortest way that keeps the same promise.

pub(super) mod api;
pub(super) mod postgres;
pub(super) mod rabbitmq;
pub(super) mod sqlite;

use std::time::Instant;

/// The lanes of plain inserts: callbacks, and rows.
pub(super) const CALLBACKS: &str = "plain inserts, callbacks";
pub(super) const ROWS: &str = "plain inserts, rows";

/// How fast it went: callbacks and rows per second.
pub(super) struct Inserted {
    callbacks: f64,
    rows: f64,
}

impl Inserted {
    pub(super) fn figures(self) -> [(String, f64); 2] {
        [(CALLBACKS.to_owned(), self.callbacks), (ROWS.to_owned(), self.rows)]
    }

    fn since(began: Instant, callbacks: u32, rows: usize) -> Self {
        let seconds = began.elapsed().as_secs_f64();
        let rows = u32::try_from(rows).expect("a small load");
        Self { callbacks: f64::from(callbacks) / seconds, rows: f64::from(rows) / seconds }
    }
}

/// Callbacks in one batch of a floor, as in ours.
const BATCH: usize = 256;

/// Which rows of a table go into which batch, so that each batch has its share of each table.
fn share(rows: usize, batch: usize, batches: usize) -> std::ops::Range<usize> {
    rows * batch / batches..rows * (batch + 1) / batches
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn every_row_is_in_one_batch() {
        for (rows, batches) in [(10, 3), (3, 10), (512, 2), (0, 4)] {
            let all: Vec<usize> = (0..batches).flat_map(|batch| share(rows, batch, batches)).collect();
            assert_eq!(all, (0..rows).collect::<Vec<_>>());
        }
    }
}
