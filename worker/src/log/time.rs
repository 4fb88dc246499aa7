//! Where in the log a time is.

use jiff::Timestamp;
use mandate_schema::Position;
use mandate_storage::{EventQuery, StorageError, Store};

/// The position behind which events were recorded at `since` or later: positions are in the order of time, but for the clocks
/// of several workers.
///
/// # Errors
///
/// [`StorageError`].
pub(crate) async fn position_before(storage: &Store, since: Timestamp) -> Result<Position, StorageError> {
    let (mut low, mut high) = (0, storage.head().await?.0);
    while low < high {
        let middle = low + (high - low) / 2;
        let query = EventQuery { after: Position(middle), limit: 1 };
        let event = storage.read(query).await?.into_iter().next();
        match event {
            Some(event) if event.record.recorded_at < since => low = middle + 1,
            Some(_) | None => high = middle,
        }
    }
    Ok(Position(low))
}
