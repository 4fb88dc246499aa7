//! An inbox that writes down what it gets and does what it is told.

use std::{
    error::Error,
    sync::{Arc, Mutex},
};

use mandate_broker::{Delivery, Inbox};
use tokio::sync::watch;

use crate::until::until;

/// What the desk does with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Accept,
    Fail,
    /// Waits for another mood.
    Hang,
}

#[derive(Clone)]
pub(crate) struct Desk {
    mood: watch::Sender<Mood>,
    batches: Arc<Mutex<Vec<Vec<Delivery>>>>,
}

impl Desk {
    pub(crate) fn new(mood: Mood) -> Self {
        Self { mood: watch::Sender::new(mood), batches: Arc::default() }
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// All batches so far, also those that came again.
    pub(crate) fn batches(&self) -> Vec<Vec<Delivery>> {
        self.batches.lock().expect("no panic under the lock").clone()
    }

    /// All deliveries so far, by the number in their body, with their delivery counts.
    pub(crate) fn deliveries(&self) -> Vec<(u32, u32)> {
        let deliveries = self.batches().into_iter().flatten();
        deliveries.map(|delivery| (number(&delivery), delivery.redelivered)).collect()
    }

    /// The numbers that came, once each, in order.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.deliveries().into_iter().map(|(number, _)| number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// Waits for so many batches; all of them.
    pub(crate) async fn after(&self, batches: usize) -> Vec<Vec<Delivery>> {
        until("so many batches", || async { Some(self.batches()).filter(|all| all.len() >= batches) }).await
    }

    /// Waits until each of these numbers came.
    pub(crate) async fn has(&self, numbers: impl IntoIterator<Item = u32> + Clone) {
        until("each number came", || async {
            let came = self.numbers();
            numbers.clone().into_iter().all(|number| came.binary_search(&number).is_ok()).then_some(())
        })
        .await;
    }
}

fn number(delivery: &Delivery) -> u32 {
    String::from_utf8_lossy(&delivery.body).parse().expect("the tests send numbers")
}

impl Inbox for Desk {
    async fn handle(&self, batch: &[Delivery]) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.batches.lock().expect("no panic under the lock").push(batch.to_vec());
        let mut mood = self.mood.subscribe();
        let mood = *mood.wait_for(|mood| *mood != Mood::Hang).await.expect("the desk has the sender");
        match mood {
            Mood::Accept => Ok(()),
            Mood::Fail | Mood::Hang => Err("the store is away".into()),
        }
    }
}
