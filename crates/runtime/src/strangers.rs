//! What callers without credentials can make us write: few lines, and little of each.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Characters of a request that are logged, and kept in the audit trail.
pub const REQUEST_SHOWN: usize = 256;

const PERIOD: Duration = Duration::from_secs(1);

/// So many lines of the log within any second. One process writes ten: three of refused callbacks, one of dead letters, three each of the API and the
/// consent pages.
pub struct LineLimit {
    most: usize,
    window: Mutex<Window>,
}

struct Window {
    logged: VecDeque<Instant>,
    unlogged: u64,
}

impl LineLimit {
    /// A limit of `most` lines.
    pub const fn new(most: usize) -> Self {
        Self { most, window: Mutex::new(Window { logged: VecDeque::new(), unlogged: 0 }) }
    }

    /// Whether there may be a line now; if so, how many before it were left out, which the line should say.
    pub fn admit(&self) -> Option<u64> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<u64> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        while window.logged.front().is_some_and(|at| now.duration_since(*at) >= PERIOD) {
            window.logged.pop_front();
        }
        if window.logged.len() >= self.most {
            window.unlogged += 1;
            return None;
        }
        window.logged.push_back(now);
        Some(std::mem::take(&mut window.unlogged))
    }
}

/// A text of at most so many characters; what is cut off leaves a mark.
pub fn excerpt(text: &str, characters: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(characters) else { return text.to_owned() };
    let kept = text[..end].char_indices().next_back().map_or(0, |(last, _)| last);
    format!("{}…", &text[..kept])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_has_more_lines_than_the_limit_and_the_rest_is_counted() {
        let (limit, start) = (LineLimit::new(3), Instant::now());
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        assert_eq!([0, 300, 600].map(|at| limit.admit_at(after(at))), [Some(0); 3]);
        assert!((601..1_000).all(|at| limit.admit_at(after(at)).is_none()));
        assert_eq!(limit.admit_at(after(1_000)), Some(399));
        assert_eq!(limit.admit_at(after(1_299)), None, "two of the last second remain, and the new one");
        assert_eq!(limit.admit_at(after(1_300)), Some(1));
        assert_eq!([9_000, 9_000, 9_000].map(|at| limit.admit_at(after(at))), [Some(0); 3]);
        assert_eq!(limit.admit_at(after(9_000)), None);
    }

    #[test]
    fn an_excerpt_has_so_many_characters_at_most() {
        assert_eq!(excerpt("", 4), "");
        assert_eq!(excerpt("four", 4), "four");
        assert_eq!(excerpt("fives", 4), "fiv…");
        assert_eq!(excerpt("授权事件推送", 4), "授权事…");
        for length in [255, 256, 257, 60_000] {
            assert_eq!(excerpt(&"é".repeat(length), 256).chars().count(), length.min(256), "{length}");
        }
    }
}
