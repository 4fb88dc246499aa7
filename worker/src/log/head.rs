//! Who waits for the log to grow is woken, whichever process appends: one look at the store for all who wait.

use std::time::Duration;

use mandate_runtime::stop::Stop;
use mandate_schema::Position;

use tokio::sync::watch;

use super::Log;

/// How often the store is asked while somebody waits.
const LOOK: Duration = Duration::from_millis(500);

impl Log {
    /// Where the log ends, as far as this process knows; changes when it grows.
    pub(crate) fn head(&self) -> watch::Receiver<Position> {
        self.head.subscribe()
    }

    pub(super) fn grew_to(&self, position: Position) {
        self.head.send_if_modified(|head| {
            let grown = position > *head;
            *head = position.max(*head);
            grown
        });
    }

    /// Sees what other processes append.
    pub(crate) async fn watch(&self, stop: &Stop) {
        while !stop.is_requested() {
            if self.head.receiver_count() > 0
                && let Ok(head) = self.storage.head().await
            {
                self.grew_to(head);
            }
            tokio::select! {
                () = stop.requested() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}
