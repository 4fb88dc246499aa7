//! Every metric name of the service, and typed methods to record them.
//!
//! Each method is named like its metric without the prefix `mandate_`. Labels are closed sets of our own words and
//! component ids; an authorizer's appid is never a label, there are too many of them.

mod connections;
mod labels;

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use jiff::Timestamp;
use mandate_schema::{ComponentId, PushKind};
use prometheus_client::{
    encoding::text,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Metric, Registry},
};

use connections::ConnectionMetrics;
use labels::{
    ApiLabels, CallLabels, CallbackLabels, ComponentLabels, KindLabels, OutcomeLabels, PauseLabels,
    ReaderLabels, ReasonLabels, RefreshLabels, RoleLabels, StateLabels, TaskLabels,
};

/// The `Content-Type` of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the buckets for anything that takes time, in seconds. `WeChat` gives up after 5.
const SECONDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Upper bounds of the buckets for batches, in commands.
const COMMANDS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// A label value: a word of ours, known when compiling or read from our own tables.
pub type Word = Cow<'static, str>;

type Seconds = Gauge<f64, AtomicU64>;
type Number = Gauge<u64, AtomicU64>;

/// The metrics of one process. Clones record into the same registry.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    callbacks: Family<CallbackLabels, Counter>,
    callbacks_late: Family<KindLabels, Counter>,
    callback_answer_seconds: Histogram,
    journal_unsettled: Number,
    journal_oldest_seconds: Seconds,
    journal_message_ids_reach_seconds: Seconds,
    relay_handed_over: Counter,
    publisher_refused: Counter,
    webhook_deliveries: Family<OutcomeLabels, Counter>,
    webhooks: Family<StateLabels, Number>,
    broker_up: Family<RoleLabels, Number>,
    log_position: Number,
    append_seconds: Histogram,
    append_batch_commands: Histogram,
    reader_position: Family<ReaderLabels, Number>,
    ticket_age_seconds: Family<ComponentLabels, Seconds>,
    dead_letters: Family<ReasonLabels, Number>,
    tasks: Family<TaskLabels, Number>,
    wechat_calls: Family<CallLabels, Counter>,
    wechat_call_seconds: Family<ApiLabels, Histogram, fn() -> Histogram>,
    wechat_calls_withheld: Family<ApiLabels, Counter>,
    wechat_paused: Family<PauseLabels, Number>,
    token_refreshes: Family<RefreshLabels, Counter>,
    token_reads_withheld: Counter,
    connections: ConnectionMetrics,
    pictures: Mutex<Pictures>,
}

/// What is turned into samples only when somebody asks: ages, which grow by themselves (also while whoever feeds them
/// hangs), and counts whose set of labels changes.
#[derive(Default)]
struct Pictures {
    journal_oldest: Option<Timestamp>,
    tickets: BTreeMap<String, Timestamp>,
    readers: BTreeMap<Word, u64>,
    dead_letters: Vec<(ReasonLabels, u64)>,
    tasks: Vec<(TaskLabels, u64)>,
    pauses: BTreeMap<(String, &'static str), Option<Timestamp>>,
}

impl Metrics {
    /// A registry of its own, with everything at zero.
    pub fn new() -> Self {
        let mut names = Names(Registry::with_prefix("mandate"));
        let inner = Inner {
            callbacks: names.add("callbacks", "Callbacks by URL and what became of them"),
            callbacks_late: names
                .add("callbacks_late", "Callbacks that came more than an hour after they were signed"),
            callback_answer_seconds: names.histogram(
                "callback_answer_seconds",
                "Head of a callback read to answer ready",
                &SECONDS,
            ),
            journal_unsettled: names
                .add("journal_unsettled", "Callbacks in the journal that still wait for an outcome"),
            journal_oldest_seconds: names
                .add("journal_oldest_seconds", "Age of the oldest callback that still waits, 0 if none"),
            journal_message_ids_reach_seconds: names.add(
                "journal_message_ids_reach_seconds",
                "How old a message may be whose repetition the journal still recognises",
            ),
            publisher_refused: names.add(
                "publisher_refused",
                "Events that a subscriber's full queue has refused; they are in the stream alone",
            ),
            webhook_deliveries: names
                .add("webhook_deliveries", "Attempts to deliver to webhooks, and events that were given up"),
            webhooks: names.add("webhooks", "Webhooks by state"),
            relay_handed_over: names.add("relay_handed_over", "Callbacks that the relay has handed over"),
            broker_up: names.add("broker_up", "Whether a connection to the broker works: 1 or 0"),
            log_position: names.add("log_position", "Position of the newest event of the log"),
            append_seconds: names.histogram("append_seconds", "Time of one append to the log", &SECONDS),
            append_batch_commands: names.histogram(
                "append_batch_commands",
                "Commands that one append took",
                &COMMANDS,
            ),
            reader_position: names
                .add("reader_position", "Position up to which a reader has followed the log"),
            ticket_age_seconds: names.add("ticket_age_seconds", "Age of a component's newest ticket"),
            dead_letters: names.add("dead_letters", "Dead letters that wait for an operator"),
            tasks: names.add("tasks", "Tasks by kind and state"),
            wechat_calls: names.add("wechat_calls", "Calls to the API of WeChat by result"),
            wechat_call_seconds: {
                let by_api: Family<_, _, fn() -> Histogram> =
                    Family::new_with_constructor(|| Histogram::new(SECONDS));
                names.0.register(
                    "wechat_call_seconds",
                    "Time of one call to the API of WeChat",
                    by_api.clone(),
                );
                by_api
            },
            wechat_calls_withheld: names
                .add("wechat_calls_withheld", "Calls that were not made, because their API is left alone"),
            wechat_paused: names
                .add("wechat_paused", "Whether an API of WeChat is left alone after failures: 1 or 0"),
            token_refreshes: names.add("token_refreshes", "Refreshes of access tokens by result"),
            token_reads_withheld: names.add(
                "token_reads_withheld",
                "Reads of access tokens answered with the last failure, because the next try is not due",
            ),
            connections: ConnectionMetrics::new(&mut names),
            pictures: Mutex::default(),
            registry: names.0,
        };
        Self(Arc::new(inner))
    }

    /// `mandate_callbacks_total`: one more callback of this kind ended like this. The component is its id, or `shared` for what came
    /// to a URL of several components and could not be told to be of one of them.
    pub fn callbacks_total(
        &self,
        component: &(impl fmt::Display + ?Sized),
        kind: PushKind,
        outcome: &'static str,
    ) {
        let labels = CallbackLabels { component: component.to_string(), kind: kind.as_str(), outcome };
        self.0.callbacks.get_or_create(&labels).inc();
    }

    /// `mandate_callbacks_late_total`: one more callback of this kind came more than an hour after it was signed.
    pub fn callbacks_late_total(&self, component: &ComponentId, kind: PushKind) {
        let labels = KindLabels { component: component.to_string(), kind: kind.as_str() };
        self.0.callbacks_late.get_or_create(&labels).inc();
    }

    /// `mandate_callback_answer_seconds`: a callback was answered after this time.
    pub fn callback_answer_seconds(&self, took: Duration) {
        self.0.callback_answer_seconds.observe(took.as_secs_f64());
    }

    /// `mandate_journal_unsettled`: so many callbacks of the journal have no outcome yet.
    pub fn journal_unsettled(&self, callbacks: u64) {
        self.0.journal_unsettled.set(callbacks);
    }

    /// `mandate_journal_oldest_seconds`: when the oldest callback without an outcome was received; `None` if there is none.
    /// Its age is computed when the metrics are read.
    pub fn journal_oldest_seconds(&self, received_at: Option<Timestamp>) {
        self.pictures().journal_oldest = received_at;
    }

    /// `mandate_journal_message_ids_reach_seconds`: a message that comes again after this time is still recognised.
    pub fn journal_message_ids_reach_seconds(&self, reach: Duration) {
        self.0.journal_message_ids_reach_seconds.set(reach.as_secs_f64());
    }

    /// `mandate_publisher_refused_total`: so many more events are in the stream alone, since a subscriber's queue is full.
    pub fn publisher_refused_total(&self, events: u64) {
        self.0.publisher_refused.inc_by(events);
    }

    /// `mandate_webhook_deliveries_total`: an attempt was `delivered` or `failed`, or an event was `given_up`.
    pub fn webhook_deliveries_total(&self, outcome: &'static str) {
        self.0.webhook_deliveries.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// `mandate_webhooks`: how many are in a state.
    pub fn webhooks(&self, state: &'static str, count: u64) {
        self.0.webhooks.get_or_create(&StateLabels { state }).set(count);
    }

    /// `mandate_relay_handed_over_total`: so many more callbacks were handed over.
    pub fn relay_handed_over_total(&self, callbacks: u64) {
        self.0.relay_handed_over.inc_by(callbacks);
    }

    /// `mandate_broker_up`: whether this end of the broker works.
    pub fn broker_up(&self, role: &'static str, up: bool) {
        self.0.broker_up.get_or_create(&RoleLabels { role }).set(u64::from(up));
    }

    /// `mandate_log_position`: the position of the newest event.
    pub fn log_position(&self, position: u64) {
        self.0.log_position.set(position);
    }

    /// `mandate_append_seconds`: an append took this long.
    pub fn append_seconds(&self, took: Duration) {
        self.0.append_seconds.observe(took.as_secs_f64());
    }

    /// `mandate_append_batch_commands`: an append took so many commands.
    pub fn append_batch_commands(&self, commands: usize) {
        let commands = u32::try_from(commands).unwrap_or(u32::MAX);
        self.0.append_batch_commands.observe(f64::from(commands));
    }

    /// `mandate_reader_position`: a reader has followed the log up to here.
    pub fn reader_position(&self, reader: impl Into<Word>, position: u64) {
        self.pictures().readers.insert(reader.into(), position);
    }

    /// `mandate_reader_position`: what is no reader any more has no position.
    pub fn forget_readers(&self, is_gone: impl Fn(&str) -> bool) {
        self.pictures().readers.retain(|reader, _| !is_gone(reader));
    }

    /// `mandate_ticket_age_seconds`: when a component's current ticket was received. Its age is computed when the metrics
    /// are read.
    pub fn ticket_age_seconds(&self, component: &ComponentId, received_at: Timestamp) {
        self.pictures().tickets.insert(component.to_string(), received_at);
    }

    /// `mandate_dead_letters`: all open dead letters by reason; reasons that are left out have none.
    pub fn dead_letters<R: Into<Word>>(&self, counts: impl IntoIterator<Item = (R, u64)>) {
        let counts =
            counts.into_iter().map(|(reason, count)| (ReasonLabels { reason: reason.into() }, count));
        self.pictures().dead_letters = counts.collect();
    }

    /// `mandate_tasks`: all tasks by kind and state; pairs that are left out have none.
    pub fn tasks<K: Into<Word>, S: Into<Word>>(&self, counts: impl IntoIterator<Item = (K, S, u64)>) {
        let labels = |kind: K, state: S| TaskLabels { kind: kind.into(), state: state.into() };
        let counts = counts.into_iter().map(|(kind, state, count)| (labels(kind, state), count));
        self.pictures().tasks = counts.collect();
    }

    /// `mandate_wechat_calls_total`: one more call of `api` ended with this `errcode` (0 is success).
    pub fn wechat_calls_total(&self, api: &'static str, errcode: i64) {
        self.0.wechat_calls.get_or_create(&CallLabels { api, errcode }).inc();
    }

    /// `mandate_wechat_call_seconds`: a call of `api` took this long, whatever came of it.
    pub fn wechat_call_seconds(&self, api: &'static str, took: Duration) {
        self.0.wechat_call_seconds.get_or_create(&ApiLabels { api }).observe(took.as_secs_f64());
    }

    /// `mandate_wechat_calls_withheld_total`: a call of `api` was not made.
    pub fn wechat_calls_withheld_total(&self, api: &'static str) {
        self.0.wechat_calls_withheld.get_or_create(&ApiLabels { api }).inc();
    }

    /// `mandate_wechat_paused`: an API is left alone until then, or called again.
    pub fn wechat_paused(&self, component: &ComponentId, api: &'static str, until: Option<Timestamp>) {
        self.pictures().pauses.insert((component.to_string(), api), until);
    }

    /// `mandate_token_refreshes_total`: one more refresh through `api` ended like this.
    pub fn token_refreshes_total(&self, api: &'static str, outcome: &'static str) {
        self.0.token_refreshes.get_or_create(&RefreshLabels { api, outcome }).inc();
    }

    /// `mandate_token_reads_withheld_total`: a read of a token was answered with the last failure.
    pub fn token_reads_withheld_total(&self) {
        self.0.token_reads_withheld.inc();
    }

    /// All metrics as `OpenMetrics` text, ended by `# EOF`; see [`CONTENT_TYPE`].
    pub fn encode(&self) -> String {
        self.encode_at(Timestamp::now())
    }

    fn encode_at(&self, now: Timestamp) -> String {
        // Held to the end, so that two readers at once do not see each other's half-drawn pictures.
        let pictures = self.pictures();
        self.draw(&pictures, now);
        let mut page = String::new();
        text::encode(&mut page, &self.0.registry).expect("writing to a string cannot fail");
        page
    }

    fn draw(&self, pictures: &Pictures, now: Timestamp) {
        let age = |since: Timestamp| now.duration_since(since).as_secs_f64().max(0.0);
        self.0.journal_oldest_seconds.set(pictures.journal_oldest.map_or(0.0, age));
        for (component, received_at) in &pictures.tickets {
            let labels = ComponentLabels { component: component.clone() };
            self.0.ticket_age_seconds.get_or_create(&labels).set(age(*received_at));
        }
        for ((component, api), until) in &pictures.pauses {
            let labels = PauseLabels { component: component.clone(), api };
            let paused = until.is_some_and(|until| until > now);
            self.0.wechat_paused.get_or_create(&labels).set(paused.into());
        }
        let positions = pictures.readers.iter();
        let positions =
            positions.map(|(reader, position)| (ReaderLabels { reader: reader.clone() }, *position));
        replace(&self.0.reader_position, &positions.collect::<Vec<_>>());
        replace(&self.0.dead_letters, &pictures.dead_letters);
        replace(&self.0.tasks, &pictures.tasks);
    }

    fn pictures(&self) -> MutexGuard<'_, Pictures> {
        self.0.pictures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes `counts` everything that a family holds.
fn replace<L>(family: &Family<L, Number>, counts: &[(L, u64)])
where
    L: Clone + Eq + std::hash::Hash,
{
    family.clear();
    for (labels, count) in counts {
        family.get_or_create(labels).set(*count);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Registers metrics while the registry is built. The registry itself puts `mandate_` in front and `_total` behind counters.
struct Names(Registry);

impl Names {
    fn add<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        let metric = M::default();
        self.0.register(name, help, metric.clone());
        metric
    }

    fn histogram(&mut self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        let metric = Histogram::new(buckets.iter().copied());
        self.0.register(name, help, metric.clone());
        metric
    }
}

#[cfg(test)]
mod tests;
