//! From a decision to what is stored: sealing, stored forms, the next state, tasks with their keys.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use mandate_domain::{Because, Decision, NewEvent, Task};
use mandate_runtime::jitter::full_jitter;
use mandate_schema::{
    AuthorizerId, CodeDigest, CommandId, ComponentId, DataKey, EVENT_FORM, Event, EventId, EventRecord,
    Place, SealedFields, Secret, StreamName,
};
use mandate_storage::{Append, Erasure, Finish, NewKey, NewTask, TokenChange};

use crate::log::{
    access_token::Stored,
    fold::to_millis,
    payload,
    snapshot::Snapshot,
    vault::{Vault, place_of},
};

/// What a command is about.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// The command.
    pub command: CommandId,
    /// The stream it was decided on.
    pub stream: StreamName,
    /// The task that it finishes, or lets go on.
    pub finishes: Option<Finish>,
    /// What the tables keep of an account that is erased.
    pub erases: Option<Erasure>,
    /// Now: when the events are recorded.
    pub now: Timestamp,
    /// When the call to `WeChat` started whose answer was decided; the life of tokens counts from here.
    pub called_at: Timestamp,
}

/// Turns a decision into an append; the snapshot is then what the append leaves.
pub(crate) fn record(vault: &Vault, context: Context, snapshot: &mut Snapshot, decision: Decision) -> Append {
    let expected = snapshot.version;
    let mut recorder = Recorder { vault, context: &context, snapshot, keys: Vec::new() };
    let mut events = Vec::with_capacity(decision.events.len());
    let mut token = TokenChange::Keep;
    for event in decision.events {
        // A recovered refresh token is worth a refresh at once, whatever became of the last one.
        if matches!(
            event.event,
            Event::Granted(_) | Event::Updated(_) | Event::Revoked(_) | Event::CredentialsRecovered(_)
        ) {
            token = TokenChange::Empty;
        }
        events.push(recorder.event(event, events.len()));
    }
    if let Some(access) = decision.access_token {
        let generation = recorder.snapshot.state.authorizer().map_or(0, |state| state.generation);
        let key = recorder.stream_key();
        let given = (&access.token, access.expires_in);
        let stored = Stored::new(vault, &key, (&context.stream, generation), given, context.called_at);
        token = TokenChange::Store { access: stored.sealed, expires_at: stored.expires_at, generation };
    }
    let (mut tasks, mut redeems) = (Vec::new(), Vec::new());
    for task in decision.tasks {
        let queue = if matches!(task, Task::Redeem(_)) { &mut redeems } else { &mut tasks };
        queue.push(recorder.task(&task));
    }
    let keys = recorder.keys;
    let state = (!events.is_empty()).then(|| snapshot.state.to_stored()).flatten();
    if context.erases.is_some() {
        snapshot.key = None; // destroyed with all others: the next secret makes a new one
    }
    Append {
        command: context.command,
        stream: context.stream,
        expected,
        events,
        state,
        tasks,
        redeems,
        keys,
        token,
        erases: context.erases,
        finishes: context.finishes,
        recorded_at: to_millis(context.now),
    }
}

/// Another command came first: a moment later, with jitter, the next try sees its result.
pub(crate) async fn after_conflict(conflicts: u32) {
    tokio::time::sleep(full_jitter(Duration::from_millis(2), Duration::from_millis(100), conflicts)).await;
}

struct Recorder<'a> {
    vault: &'a Vault,
    context: &'a Context,
    snapshot: &'a mut Snapshot,
    keys: Vec<NewKey>,
}

impl Recorder<'_> {
    /// Seals and records one event, and folds it onto the state.
    fn event(&mut self, new: NewEvent, index: usize) -> EventRecord {
        let version = self.snapshot.version.next();
        let mut key = self.stream_key();
        if matches!(new.event, Event::NoticeReceived(_)) {
            // Each notice has a key of its own, so that erasing one authorizer leaves the others' notices readable.
            key = self.add_key(new.about);
        }
        let (data, published) = new.event.to_stored();
        let occurred_at = new.event.create_time().and_then(|time| Timestamp::from_second(time.0).ok());
        let mut record = EventRecord {
            id: EventId::of_command(self.context.command, u32::try_from(index).unwrap_or(u32::MAX)),
            name: new.event.name().to_owned(),
            form: EVENT_FORM,
            causation: self.context.command,
            occurred_at,
            recorded_at: to_millis(self.context.now),
            data,
            sealed: SealedFields::new(),
        };
        let published = published.map(|(field, text)| (field, Secret::new(text)));
        for (field, text) in new.secrets.into_iter().chain(published) {
            let sealed =
                self.vault.seal(&key, place_of(&self.context.stream, version, &record, field), &text);
            record.sealed.insert(field, sealed);
        }
        self.snapshot.evolve(&record, new.event);
        record
    }

    /// The key that the stream seals with. The first event of a stream makes it; one that was destroyed is followed by another.
    fn stream_key(&mut self) -> Arc<DataKey> {
        if let Some(key) = &self.snapshot.key {
            return key.clone();
        }
        let key = self.add_key([]);
        self.snapshot.key = Some(key.clone());
        key
    }

    fn add_key(&mut self, about: impl IntoIterator<Item = AuthorizerId>) -> Arc<DataKey> {
        let number = self.snapshot.last_key + 1;
        let (key, wrapped) = self.vault.new_key(&self.context.stream, number);
        self.snapshot.last_key = number;
        self.snapshot.made.push(key.clone());
        self.keys.push(NewKey { wrapped, about: about.into_iter().collect() });
        key
    }

    fn task(&mut self, task: &Task) -> NewTask {
        let (component, authorizer) = self.subject(task);
        let key = task_key(task, &component, authorizer.as_ref(), self.context.command);
        let sealed = match payload::secret(task) {
            Some(secret) => {
                let data_key = self.stream_key();
                let place = task_place(&self.context.stream, &key);
                let sealed = self.vault.seal(&data_key, place, secret);
                Some((self.context.stream.clone(), sealed))
            }
            None => None,
        };
        NewTask {
            kind: payload::kind(task).to_owned(),
            payload: payload::write(task),
            key,
            component,
            authorizer,
            tag: payload::tag(task).map(str::to_owned),
            sealed,
        }
    }

    /// The component and the authorizer that a task is about.
    fn subject(&self, task: &Task) -> (ComponentId, Option<AuthorizerId>) {
        let component = match task {
            Task::Redeem(redeem) => return (redeem.component.clone(), redeem.authorizer.clone()),
            Task::Inspect { .. } | Task::ReleaseReply { .. } => self.context.stream.component(),
        };
        let component = component.expect("no webhook queues calls to WeChat").clone();
        (component, self.context.stream.authorizer().cloned())
    }
}

/// The place of a task's secret argument.
pub(crate) fn task_place<'a>(stream: &'a StreamName, key: &'a str) -> Place<'a> {
    Place { stream, version: 0, kind: "task", field: key, form: 1 }
}

/// The unique key of a task: a code is redeemed by one task, all else is asked once per command that queues it.
fn task_key(
    task: &Task,
    component: &ComponentId,
    authorizer: Option<&AuthorizerId>,
    command: CommandId,
) -> String {
    match task {
        Task::Redeem(redeem) => redeem_key(component, redeem.digest()),
        Task::Inspect { .. } | Task::ReleaseReply { .. } => {
            let authorizer = authorizer.map_or("", AuthorizerId::as_str);
            format!("{}:{component}:{authorizer}:{command}", payload::kind(task))
        }
    }
}

/// A task that a command queues without a decision: the authorizer is in doubt.
pub(crate) fn inspection(component: &ComponentId, authorizer: &AuthorizerId, by: CommandId) -> NewTask {
    let task = Task::inspect(Because::Doubt);
    NewTask {
        kind: payload::kind(&task).to_owned(),
        payload: payload::write(&task),
        key: task_key(&task, component, Some(authorizer), by),
        component: component.clone(),
        authorizer: Some(authorizer.clone()),
        tag: None,
        sealed: None,
    }
}

/// The key of the task that redeems a code.
pub(crate) fn redeem_key(component: &ComponentId, code: CodeDigest) -> String {
    format!("redeem:{component}:{code}")
}
