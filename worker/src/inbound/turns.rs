//! Turns: batches are opened beside each other, and what they have in common is decided in the order in which it came.

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
    entries: VecDeque<(u64, Arc<HashSet<K>>)>,
}

/// A place in the queue, left when it is dropped.
#[derive(Debug)]
pub(super) struct Turn<K: Eq + Hash> {
    turns: Arc<Turns<K>>,
    number: u64,
    keys: Arc<HashSet<K>>,
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
        queue.entries.push_back((number, keys.clone()));
        Turn { turns: self.clone(), number, keys }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<K>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Turn<K> {
    /// Waits until those before it that have one of its keys have left.
    pub(super) async fn come(&self) {
        loop {
            let ended = self.turns.ended.notified(); // counts from here on
            if !self.waits() {
                return;
            }
            ended.await;
        }
    }

    fn waits(&self) -> bool {
        let queue = self.turns.queue();
        let mut before = queue.entries.iter().take_while(|(number, _)| *number < self.number);
        before.any(|(_, keys)| !keys.is_disjoint(&self.keys))
    }
}

impl<K: Eq + Hash> Drop for Turn<K> {
    fn drop(&mut self) {
        self.turns.queue().entries.retain(|(number, _)| *number != self.number);
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
        first.come().await;
        other.come().await;
        assert_eq!(second.come().now_or_never(), None);
        assert_eq!(third.come().now_or_never(), None, "the second is before it");
        let mut waiting = Box::pin(second.come());
        assert_eq!((&mut waiting).now_or_never(), None);
        drop(first);
        waiting.await;
        drop(second);
        third.come().await;
    }

    #[tokio::test]
    async fn one_that_gives_up_while_it_waits_holds_up_no_other() {
        let turns = Arc::default();
        let (first, second, third) = (enter(&turns, [1]), enter(&turns, [1]), enter(&turns, [1]));
        drop(second);
        assert_eq!(third.come().now_or_never(), None);
        drop(first);
        third.come().await;
    }
}
