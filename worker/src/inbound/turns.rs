//! Turns: batches are opened beside each other, and what they have in common is decided in the order in which it came. When one
//! fails, those behind it that have something in common with it fail too: all of them come again, in their order.

use std::{
    collections::{HashSet, VecDeque},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// Those who wait, and those whose turn it is.
#[derive(Debug)]
pub(super) struct Turns<K> {
    queue: Mutex<Queue<K>>,
    ended: Notify,
}

#[derive(Debug)]
struct Queue<K> {
    next: u64,
    /// In the order in which they entered.
    entries: VecDeque<Entry<K>>,
}

#[derive(Debug)]
struct Entry<K> {
    number: u64,
    keys: Arc<HashSet<K>>,
    /// Whether one before it failed that has one of its keys.
    is_overtaking: bool,
}

/// One before it failed, and must come again first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("callbacks before these were not stored yet")]
pub(super) struct Overtaking;

/// A place in the queue, left when it is dropped: in failure unless it is done.
#[derive(Debug)]
pub(super) struct Turn<K: Eq + Hash> {
    turns: Arc<Turns<K>>,
    number: u64,
    keys: Arc<HashSet<K>>,
    is_done: bool,
}

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self { queue: Mutex::new(Queue { next: 0, entries: VecDeque::new() }), ended: Notify::new() }
    }
}

impl<K: Eq + Hash> Turns<K> {
    /// Enters the queue behind all that have one of these keys.
    pub(super) fn enter(self: &Arc<Self>, keys: HashSet<K>) -> Turn<K> {
        let keys = Arc::new(keys);
        let mut queue = self.queue();
        let number = queue.next;
        queue.next += 1;
        queue.entries.push_back(Entry { number, keys: keys.clone(), is_overtaking: false });
        Turn { turns: self.clone(), number, keys, is_done: false }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<K>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Turn<K> {
    /// Waits until those before it that have one of its keys have left.
    ///
    /// # Errors
    ///
    /// [`Overtaking`]: one of them failed.
    pub(super) async fn come(&self) -> Result<(), Overtaking> {
        loop {
            let ended = self.turns.ended.notified(); // counts from here on
            if let Some(come) = self.has_come() {
                return come;
            }
            ended.await;
        }
    }

    fn has_come(&self) -> Option<Result<(), Overtaking>> {
        let queue = self.turns.queue();
        for entry in &queue.entries {
            if entry.number == self.number {
                return Some(if entry.is_overtaking { Err(Overtaking) } else { Ok(()) });
            }
            if !entry.keys.is_disjoint(&self.keys) {
                return None;
            }
        }
        Some(Ok(()))
    }

    /// Leaves in success.
    pub(super) fn done(mut self) {
        self.is_done = true;
    }
}

impl<K: Eq + Hash> Drop for Turn<K> {
    fn drop(&mut self) {
        let mut queue = self.turns.queue();
        queue.entries.retain(|entry| entry.number != self.number);
        if !self.is_done {
            let behind = queue.entries.iter_mut().filter(|entry| entry.number > self.number);
            for entry in behind.filter(|entry| !entry.keys.is_disjoint(&self.keys)) {
                entry.is_overtaking = true;
            }
        }
        drop(queue);
        self.turns.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn enter(turns: &Arc<Turns<u8>>, keys: impl IntoIterator<Item = u8>) -> Turn<u8> {
        turns.enter(keys.into_iter().collect())
    }

    #[tokio::test]
    async fn only_those_with_a_key_in_common_wait_and_in_their_order() {
        let turns = Arc::default();
        let (first, second, third) = (enter(&turns, [1, 2]), enter(&turns, [2, 3]), enter(&turns, [3]));
        let other = enter(&turns, [4]);
        first.come().await.unwrap();
        other.come().await.unwrap();
        assert_eq!(second.come().now_or_never(), None);
        assert_eq!(third.come().now_or_never(), None, "the second is before it");
        let mut waiting = Box::pin(second.come());
        assert_eq!((&mut waiting).now_or_never(), None);
        first.done();
        waiting.await.unwrap();
        second.done();
        third.come().await.unwrap();
    }

    #[tokio::test]
    async fn none_overtakes_one_that_failed_and_what_comes_again_starts_anew() {
        let turns = Arc::default();
        let (first, second, other) = (enter(&turns, [1]), enter(&turns, [1, 2]), enter(&turns, [3]));
        let third = enter(&turns, [2]);
        drop(first);
        assert_eq!(second.come().await, Err(Overtaking));
        assert_eq!(other.come().await, Ok(()));
        drop(second);
        assert_eq!(third.come().await, Err(Overtaking), "it has a key of one that was not decided either");
        drop(third);
        assert_eq!(enter(&turns, [1, 2]).come().await, Ok(()));
    }
}
