//! One round of deliveries to one endpoint: what waits and is due, and what is new in the log.

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use mandate_runtime::stop::Stop;
use mandate_schema::{CloudEvent, Position, Secret, StoredEvent, StreamName};
use mandate_storage::{EventOrder, EventQuery, StreamQuery, WebhookAttemptRow, WebhookRow};
use uuid::Uuid;

use super::{
    Webhooks,
    endpoint::{Attempt, Webhook, WebhookState},
    progress::{Failure, FailureKind, GivenUp, Verdict, is_down},
    run::reader,
    sender::Sent,
};
use crate::{
    log::fold::{self, ReadError},
    views::assert_dense,
};

/// Events of the log looked at in a round.
const PAGE: usize = 256;
/// New events delivered in a round.
const BATCH: usize = 64;
/// Events of a stream that waited, delivered in a round.
const CATCH_UP: usize = 64;
/// Streams that waited, tried in a round.
const DUE_MAX: usize = 64;
/// Streams delivered at a time.
const AT_ONCE: usize = 8;
/// No event is begun later in a round: its end is where progress is stored.
const ROUND: Duration = Duration::from_secs(5);
/// How much longer or shorter a wait is at random.
const SPREAD: f64 = 0.2;

/// Events of one stream, in order.
struct Lane {
    stream: StreamName,
    events: Vec<StoredEvent>,
    /// It has waited: it is tried even if the endpoint is down.
    waited: bool,
    /// Where it goes on in another round.
    rest: Option<Position>,
}

/// How far a lane came.
struct LaneEnd {
    stream: StreamName,
    attempts: Vec<(Attempt, Option<Duration>)>,
    end: End,
    /// Why its next event could not be read.
    unread: Option<ReadError>,
}

enum End {
    /// All was delivered.
    Done,
    /// It goes on here, later.
    Cut(Position),
    /// The last event that was tried failed.
    Failed,
}

/// What all lanes of a round share.
struct Round<'a> {
    all: &'a Webhooks,
    webhook: &'a Webhook,
    secrets: Vec<Secret>,
    stop: &'a Stop,
    begun: Instant,
    failed_in_a_row: AtomicU32,
}

impl Webhooks {
    /// Delivers what is due to an endpoint, and stores how far it has come. `false`: somebody else has changed it meanwhile, and
    /// what was delivered will be delivered again.
    ///
    /// # Errors
    ///
    /// [`ReadError`]: nothing was skipped. If it is one event that cannot be read, its stream waits, and the others' deliveries are
    /// stored.
    pub(crate) async fn deliver(&self, row: WebhookRow, stop: &Stop) -> Result<bool, ReadError> {
        let mut webhook = Webhook::read(&row)?;
        let round = Round {
            all: self,
            secrets: self.secrets_of(&webhook).await?,
            stop,
            begun: Instant::now(),
            failed_in_a_row: AtomicU32::new(webhook.progress.failed_in_a_row()),
            webhook: &webhook,
        };
        let (new, position) = self.new_lanes(&webhook).await?;
        let mut lanes = self.due_lanes(&webhook, position, Timestamp::now()).await?;
        lanes.extend(new);
        let running = stream::iter(lanes.into_iter().map(|lane| round.run(lane))).buffer_unordered(AT_ONCE);
        let mut ends: Vec<LaneEnd> = running.collect().await;
        let unread = ends.iter_mut().find_map(|end| end.unread.take());
        webhook.progress.position = position;
        let attempts = self.note(&mut webhook, ends);
        self.log.storage.put_webhook_attempts(attempts).await?;
        self.disable_if_hopeless(&mut webhook).await?;
        let position = webhook.progress.position;
        let stored = self.log.storage.change_webhook(WebhookRow { data: webhook.write(), ..row }).await?;
        if stored {
            self.metrics.reader_position(reader(webhook.id), position.0);
        }
        unread.map_or(Ok(stored), Err)
    }

    /// What is new for an endpoint, one lane for each stream, and up to where the log was read.
    async fn new_lanes(&self, webhook: &Webhook) -> Result<(Vec<Lane>, Position), ReadError> {
        let (mut lanes, mut position): (Vec<Lane>, _) = (Vec::new(), webhook.progress.position);
        if !webhook.progress.takes_new() {
            return Ok((lanes, position));
        }
        let mut wanted = 0;
        for stored in self.log.storage.read(EventQuery { after: position, limit: PAGE }).await? {
            assert_dense(position, stored.position)?;
            if wanted == BATCH {
                break;
            }
            position = stored.position;
            // What is held catches up by itself, with this event.
            if !webhook.filter.wants(&stored) || webhook.progress.held.contains_key(&stored.stream) {
                continue;
            }
            wanted += 1;
            match lanes.iter_mut().find(|lane| lane.stream == stored.stream) {
                Some(lane) => lane.events.push(stored),
                None => lanes.push(Lane {
                    stream: stored.stream.clone(),
                    events: vec![stored],
                    waited: false,
                    rest: None,
                }),
            }
        }
        Ok((lanes, position))
    }

    /// The streams that have waited long enough, with their events up to a position.
    async fn due_lanes(
        &self,
        webhook: &Webhook,
        up_to: Position,
        now: Timestamp,
    ) -> Result<Vec<Lane>, ReadError> {
        let mut due: Vec<_> = webhook.progress.held.iter().filter(|(_, held)| held.next_at <= now).collect();
        due.sort_by_key(|(_, held)| held.next_at); // none is passed over for ever
        let mut lanes = Vec::new();
        for (stream, held) in due.into_iter().take(DUE_MAX) {
            let query = StreamQuery {
                stream: stream.clone(),
                after: Position(held.position.0.saturating_sub(1)),
                up_to: Some(up_to),
                before: None,
                order: EventOrder::Ascending,
                limit: CATCH_UP,
            };
            let mut events = self.log.storage.read_stream(query).await?;
            let rest =
                events.last().filter(|_| events.len() == CATCH_UP).map(|last| Position(last.position.0 + 1));
            events.retain(|stored| webhook.filter.wants(stored));
            lanes.push(Lane { stream: stream.clone(), events, waited: true, rest });
        }
        Ok(lanes)
    }

    /// What became of the lanes, in the endpoint's progress; the attempts as they are stored.
    fn note(&self, webhook: &mut Webhook, ends: Vec<LaneEnd>) -> Vec<WebhookAttemptRow> {
        let now = Timestamp::now();
        let (mut tried, mut waiting) = (Vec::new(), Vec::new());
        for LaneEnd { stream, attempts, end, unread: _ } in ends {
            tried.extend(attempts.into_iter().map(|attempt| (stream.clone(), attempt)));
            match end {
                End::Done => webhook.progress.release(&stream),
                End::Cut(position) => waiting.push((stream, position)),
                End::Failed => {}
            }
        }
        tried.sort_by_key(|(_, (attempt, _))| attempt.at);
        let mut rows = Vec::with_capacity(tried.len());
        for (stream, (attempt, asked)) in tried {
            rows.push(attempt_row(webhook.id, &attempt));
            if attempt.delivered {
                webhook.progress.delivered(attempt.at);
                self.metrics.webhook_deliveries_total("delivered");
                continue;
            }
            self.metrics.webhook_deliveries_total("failed");
            let position = Position(attempt.position.unwrap_or_default());
            let spread = 1.0 - SPREAD + 2.0 * SPREAD * fastrand::f64();
            let failure = Failure { at: attempt.at, asked, spread, kind: FailureKind::of(attempt.status) };
            if webhook.progress.failed(&stream, position, &failure) == Verdict::GivenUp {
                webhook.progress.list_given_up(given_up(&attempt, position));
                self.metrics.webhook_deliveries_total("given_up");
                tracing::error!(webhook = %webhook.id, %position,
                    "webhook {} never took the event at position {position}, though others came through: it was given up. \
                     A rewind to {position} delivers it again", webhook.id);
            }
        }
        for (stream, position) in waiting {
            webhook.progress.hold(stream, position, now);
        }
        rows
    }

    /// Disables an endpoint that has failed for too long; tells by an event, of which one is stored however often it is told.
    async fn disable_if_hopeless(&self, webhook: &mut Webhook) -> Result<(), ReadError> {
        let Some(since) = webhook.progress.failing_since else { return Ok(()) };
        let patience = SignedDuration::try_from(self.settings.disable_after).unwrap_or(SignedDuration::MAX);
        if Timestamp::now().duration_since(since) < patience {
            return Ok(());
        }
        self.append_disabled(webhook, since).await?;
        webhook.state = WebhookState::Disabled;
        tracing::error!(webhook = %webhook.id, %since,
            "webhook {} is disabled: every delivery has failed since {since}. \
             POST /api/v1/webhooks/{}/resume goes on where it was", webhook.id, webhook.id);
        Ok(())
    }
}

impl Round<'_> {
    async fn run(&self, lane: Lane) -> LaneEnd {
        let Lane { stream, events, waited, rest } = lane;
        let end = rest.map_or(End::Done, End::Cut);
        let mut lane = LaneEnd { stream, attempts: Vec::new(), end, unread: None };
        for stored in events {
            let position = stored.position;
            let is_over = self.stop.is_requested() || self.begun.elapsed() > ROUND;
            if is_over || !waited && is_down(self.failed_in_a_row.load(Relaxed)) {
                lane.end = End::Cut(position);
                break;
            }
            let (attempt, asked) = match self.attempt(&stored).await {
                Ok(tried) => tried,
                Err(error) => {
                    (lane.end, lane.unread) = (End::Cut(position), Some(error));
                    break;
                }
            };
            let (delivered, kind) = (attempt.delivered, FailureKind::of(attempt.status));
            lane.attempts.push((attempt, asked));
            if delivered || kind == FailureKind::Refused {
                self.failed_in_a_row.store(0, Relaxed);
            } else {
                self.failed_in_a_row.fetch_add(1, Relaxed);
            }
            if !delivered {
                lane.end = End::Failed;
                break;
            }
        }
        lane
    }

    async fn attempt(&self, stored: &StoredEvent) -> Result<(Attempt, Option<Duration>), ReadError> {
        let event = fold::decode(&self.all.log.vault, stored).await?;
        let event = CloudEvent::new(stored, &event);
        let at = fold::to_millis(Timestamp::now());
        let sent = self.all.send(self.webhook, &self.secrets, &event).await;
        let retry_after = sent.retry_after;
        Ok((attempt(at, &event, Some(stored.position), sent), retry_after))
    }
}

impl Webhooks {
    pub(super) async fn send(&self, webhook: &Webhook, secrets: &[Secret], event: &CloudEvent) -> Sent {
        let body = serde_json::to_string(event).expect("plain data");
        self.sender.send(&webhook.url, secrets, &event.id, body).await
    }
}

/// What is kept of an attempt.
pub(super) fn attempt(at: Timestamp, event: &CloudEvent, position: Option<Position>, sent: Sent) -> Attempt {
    Attempt {
        id: Uuid::now_v7(),
        at,
        event: event.id.clone(),
        kind: event.kind.clone(),
        position: position.map(|position| position.0),
        delivered: sent.is_delivered(),
        status: sent.status,
        error: sent.error,
        duration_ms: u64::try_from(sent.took.as_millis()).unwrap_or(u64::MAX),
        answer: sent.answer,
    }
}

/// What is listed of an event that was given up with this attempt.
fn given_up(attempt: &Attempt, position: Position) -> GivenUp {
    GivenUp {
        position: position.0,
        event: attempt.event.clone(),
        kind: attempt.kind.clone(),
        status: attempt.status,
        at: attempt.at,
    }
}

pub(super) fn attempt_row(webhook: Uuid, attempt: &Attempt) -> WebhookAttemptRow {
    let data = serde_json::to_string(attempt).expect("plain data");
    WebhookAttemptRow { id: attempt.id, webhook, data }
}
