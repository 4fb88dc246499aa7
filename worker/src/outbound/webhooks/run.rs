//! Delivers to all endpoints: one process at a time, each endpoint by itself.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use mandate_runtime::{outage::Outage, stop::Stop};
use mandate_schema::Position;
use mandate_storage::{StorageError, WebhookRow};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    Webhooks,
    endpoint::{Webhook, WebhookState},
};
use crate::{lease::Lease, log::fold::ReadError};

/// How long the lead holds unless it is prolonged: so long deliveries wait whose process died.
const LEAD: Duration = Duration::from_secs(6);
/// How often the endpoints are looked at while nothing happens.
const LOOK: Duration = Duration::from_secs(1);
/// What the name of an endpoint as a reader of the log begins with.
const READER: &str = "webhook/";

/// Rounds that run, and endpoints that are left alone after an error.
#[derive(Default)]
struct Rounds {
    running: JoinSet<(Uuid, Result<bool, ReadError>)>,
    busy: HashSet<Uuid>,
    resting: HashMap<Uuid, Rest>,
}

/// What of the log or of the store keeps an endpoint's events from being read.
struct Rest {
    until: Instant,
    outage: Outage,
}

impl Webhooks {
    pub(crate) async fn run(self: &Arc<Self>, stop: &Stop) {
        let (mut lead, mut rounds) = (Lease::new("webhooks", LEAD), Rounds::default());
        let mut outage = Outage::none("webhooks are not delivered");
        let mut head = self.log.head();
        while !stop.is_requested() {
            head.mark_unchanged();
            let leads = match self.begin_rounds(&mut lead, &mut rounds, stop).await {
                Ok(leads) => {
                    outage.over();
                    leads
                }
                Err(error) => {
                    outage.failed(&error); // the next look is soon enough
                    false
                }
            };
            tokio::select! {
                () = stop.requested() => {}
                () = tokio::time::sleep(LOOK) => {}
                () = self.changed.notified() => {}
                _grown = head.changed(), if leads => {}
                Some(ended) = rounds.running.join_next() => rounds.ended(ended.expect("rounds do not panic")),
            }
        }
        // They begin nothing more, and an attempt takes ten seconds at most.
        while let Some(ended) = rounds.running.join_next().await {
            rounds.ended(ended.expect("rounds do not panic"));
        }
        lead.give_back(&self.log.storage).await;
    }

    /// Begins a round for each endpoint that has something to do; whether this process leads.
    async fn begin_rounds(
        self: &Arc<Self>,
        lead: &mut Lease,
        rounds: &mut Rounds,
        stop: &Stop,
    ) -> Result<bool, StorageError> {
        let webhooks = self.survey().await?;
        // Without endpoints nobody needs to lead, and an idle process writes nothing.
        if !webhooks.iter().any(|(_, webhook)| webhook.state == WebhookState::Active) {
            return Ok(false);
        }
        if !lead.hold(&self.log.storage).await? {
            self.forget_positions_but(&[]); // the process that leads knows them
            return Ok(false);
        }
        let (head, now) = (self.log.storage.head().await?, Timestamp::now());
        for (row, webhook) in webhooks {
            if has_work(&webhook, head, now) && rounds.may_begin(row.id) {
                rounds.begin(self.clone(), row, stop.clone());
            }
        }
        Ok(true)
    }

    /// All endpoints. The metrics show how many are in which state, and no position of one that was deleted.
    pub(crate) async fn survey(&self) -> Result<Vec<(WebhookRow, Webhook)>, StorageError> {
        let rows = self.log.storage.webhooks().await?.into_iter();
        let webhooks: Vec<_> =
            rows.map(|row| Webhook::read(&row).map(|webhook| (row, webhook))).collect::<Result<_, _>>()?;
        for state in [WebhookState::Active, WebhookState::Paused, WebhookState::Disabled] {
            let count = webhooks.iter().filter(|(_, webhook)| webhook.state == state).count();
            self.metrics.webhooks(state.as_str(), count as u64);
        }
        self.forget_positions_but(&webhooks);
        Ok(webhooks)
    }

    fn forget_positions_but(&self, there: &[(WebhookRow, Webhook)]) {
        let there: HashSet<String> = there.iter().map(|(row, _)| reader(row.id)).collect();
        self.metrics.forget_readers(|reader| reader.starts_with(READER) && !there.contains(reader));
    }
}

/// An endpoint as a reader of the log.
pub(super) fn reader(webhook: Uuid) -> String {
    format!("{READER}{webhook}")
}

fn has_work(webhook: &Webhook, head: Position, now: Timestamp) -> bool {
    let progress = &webhook.progress;
    let is_new = progress.takes_new() && progress.position < head;
    let is_due = progress.next_at().is_some_and(|at| at <= now);
    webhook.state == WebhookState::Active && (is_new || is_due)
}

impl Rounds {
    fn may_begin(&self, webhook: Uuid) -> bool {
        let rests = self.resting.get(&webhook).is_some_and(|rest| Instant::now() < rest.until);
        !rests && !self.busy.contains(&webhook)
    }

    fn begin(&mut self, webhooks: Arc<Webhooks>, row: WebhookRow, stop: Stop) {
        self.busy.insert(row.id);
        self.running.spawn(async move {
            let id = row.id;
            (id, webhooks.deliver(row, &stop).await)
        });
    }

    fn ended(&mut self, (webhook, result): (Uuid, Result<bool, ReadError>)) {
        self.busy.remove(&webhook);
        let rest = self.resting.remove(&webhook);
        let outage = rest.map(|rest| rest.outage);
        match result {
            Ok(_) => {
                if let Some(mut outage) = outage {
                    outage.over();
                }
            }
            Err(error) => {
                let mut outage =
                    outage.unwrap_or_else(|| Outage::none(format!("webhook {webhook} is not delivered to")));
                let until = Instant::now() + outage.failed(&error);
                self.resting.insert(webhook, Rest { until, outage });
            }
        }
    }
}
