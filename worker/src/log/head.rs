//! Who waits for the log to grow is woken, whichever process appends: one look at the store for all who wait.

use std::{sync::Arc, time::Duration};

use mandate_runtime::stop::Stop;
use mandate_schema::Position;
use mandate_storage::Storage;
use tokio::sync::watch;

use crate::Core;

/// How often the store is asked while somebody waits.
const LOOK: Duration = Duration::from_millis(500);

impl<S: Storage> Core<S> {
    /// Where the log ends, as far as this process knows; changes when it grows.
    pub fn log_head(&self) -> watch::Receiver<Position> {
        self.log_head.subscribe()
    }

    pub(crate) fn log_grew_to(&self, position: Position) {
        self.log_head.send_if_modified(|head| {
            let grown = position > *head;
            *head = position.max(*head);
            grown
        });
    }

    /// Sees what other processes append.
    pub(crate) async fn watch_log(self: Arc<Self>, stop: Stop) {
        while !stop.is_requested() {
            if self.log_head.receiver_count() > 0
                && let Ok(head) = self.storage.head().await
            {
                self.log_grew_to(head);
            }
            tokio::select! {
                () = stop.requested() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}
