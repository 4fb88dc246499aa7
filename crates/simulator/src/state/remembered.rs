//! A record that forgets its oldest entries.

use std::collections::VecDeque;

/// The newest `MAX` entries.
pub(crate) struct Remembered<T, const MAX: usize> {
    entries: VecDeque<T>,
    forgotten: u64,
}

impl<T, const MAX: usize> Default for Remembered<T, MAX> {
    fn default() -> Self {
        Self { entries: VecDeque::new(), forgotten: 0 }
    }
}

impl<T: Clone, const MAX: usize> Remembered<T, MAX> {
    /// Remembers an entry.
    pub(crate) fn add(&mut self, entry: T) {
        if self.entries.len() == MAX {
            self.entries.pop_front();
            self.forgotten += 1;
        }
        self.entries.push_back(entry);
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.forgotten + self.entries.len() as u64
    }

    /// Those after the first `count`, as far as they are remembered.
    pub(crate) fn since(&self, count: u64) -> Vec<T> {
        let skip = usize::try_from(count.saturating_sub(self.forgotten)).unwrap_or(usize::MAX);
        self.entries.iter().skip(skip).cloned().collect()
    }

    /// All in order, and how many older ones were forgotten.
    pub(crate) fn list(&self) -> (Vec<T>, u64) {
        (self.since(0), self.forgotten)
    }

    /// Starts anew.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_and_counted() {
        let mut record = Remembered::<u32, 3>::default();
        for entry in 1..=5 {
            record.add(entry);
        }
        assert_eq!(record.list(), (vec![3, 4, 5], 2));
        assert_eq!(record.count(), 5);
        assert_eq!(record.since(4), [5]);
        assert_eq!(record.since(0), [3, 4, 5], "what is forgotten is gone");
        assert!(record.since(5).is_empty());
    }
}
