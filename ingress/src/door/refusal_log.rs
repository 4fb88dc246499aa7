//! Logs refused pushes, but not without limit: whoever floods the door must not fill the disk that the journal needs.

use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tracing::warn;

use super::Refusal;
use crate::routes::Route;

/// Lines per [`PERIOD`]. The metrics count all of them.
const LINES: u32 = 20;

/// What [`LINES`] refers to.
const PERIOD: Duration = Duration::from_secs(1);

/// Writes a line per refused push, up to a rate.
#[derive(Default)]
pub(super) struct RefusalLog(Mutex<Option<Window>>);

struct Window {
    began: Instant,
    seen: u32,
}

impl RefusalLog {
    /// Logs a refusal, without anything the caller sent but his address.
    pub(super) fn note(&self, route: &Route, refusal: &Refusal, peer: Option<SocketAddr>) {
        let Some(unlogged) = self.admit(Instant::now()) else {
            return;
        };
        if unlogged > 0 {
            warn!(unlogged, "{unlogged} more refused callbacks were not logged");
        }
        let peer = peer.map(|peer| peer.ip().to_string()).unwrap_or_default();
        warn!(
            component = %route.component,
            kind = route.kind.as_str(),
            outcome = refusal.kind(),
            peer,
            "refused a callback: {refusal}"
        );
    }

    /// Whether there may be a line now; if so, how many before it were left out.
    fn admit(&self, now: Instant) -> Option<u32> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *window {
            Some(open) if now.duration_since(open.began) < PERIOD => {
                open.seen = open.seen.saturating_add(1);
                (open.seen <= LINES).then_some(0)
            }
            other => {
                let before = other.replace(Window { began: now, seen: 1 });
                Some(before.map_or(0, |before| before.seen.saturating_sub(LINES)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_its_rest_is_counted() {
        let (log, start) = (RefusalLog::default(), Instant::now());
        let logged = (0..100).filter(|_| log.admit(start).is_some()).count();
        assert_eq!(logged, 20);
        assert_eq!(log.admit(start + PERIOD), Some(80));
        assert_eq!(log.admit(start + PERIOD), Some(0));
    }
}
