//! How fast WeChat is called.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

/// Turns at a pace, the first one at once.
pub(crate) struct Pace(Interval);

impl Pace {
    /// So many turns a minute, evenly spread.
    pub(crate) fn new(per_minute: u32) -> Self {
        let mut ticks = interval(Duration::from_mins(1) / per_minute.max(1));
        // Turns that were not taken are not made up for.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self(ticks)
    }

    pub(crate) async fn turn(&mut self) {
        self.0.tick().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, advance};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_are_spread_over_the_minute() {
        let (mut pace, started) = (Pace::new(60), Instant::now());
        for _ in 0..10 {
            pace.turn().await;
        }
        assert_eq!(started.elapsed().as_secs(), 9);
        advance(Duration::from_mins(5)).await;
        pace.turn().await;
        let after_the_pause = Instant::now();
        pace.turn().await;
        assert_eq!(after_the_pause.elapsed().as_secs(), 1);
    }
}
