//! The rows of the table, one file each.

mod authorizations;
mod inbox;
mod journal;
mod processor;
mod relay;
mod tickets;

use super::Row;

pub(super) const ALL: [Row; 8] = [
    relay::ROW,
    inbox::ROW,
    journal::ROW,
    tickets::EMBEDDED,
    tickets::SERVERS,
    authorizations::EMBEDDED,
    authorizations::SERVERS,
    processor::ROW,
];
