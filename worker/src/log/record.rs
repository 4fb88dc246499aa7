//! From a decision to what is stored: sealing, stored forms, the next state, tasks with their keys.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use mandate_domain::{Because, Decision, NewEvent, Task};
use mandate_runtime::jitter::full_jitter;
use mandate_schema::{
    AuthorizerId, CodeDigest, CommandId, ComponentId, DataKey, EVENT_FORM, Event, EventId, EventRecord,
    Place, SealedFields, Secret, StreamName, Version,
};
use mandate_storage::{Append, Finish, Keys, NewKey, NewTask, TokenChange};

use crate::{
    log::fold::{Snapshot, StreamState, recorded, to_millis},
    log::vault::{Vault, VaultError, place_of},
    tasks::payload,
    tokens::Stored,
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
    /// Now: when the events are recorded.
    pub now: Timestamp,
    /// When the call to `WeChat` started whose answer was decided; the life of tokens counts from here.
    pub called_at: Timestamp,
}

/// Turns a decision into an append.
///
/// # Errors
///
/// [`VaultError`].
pub(crate) async fn record<S: Keys>(
    vault: &Vault<S>,
    context: &Context,
    snapshot: Snapshot,
    decision: Decision,
) -> Result<Append, VaultError> {
    let mut recorder = Recorder {
        vault,
        context,
        state: snapshot.state,
        version: snapshot.version,
        last_key: snapshot.last_key,
        last_key_destroyed: snapshot.last_key_destroyed,
        keys: Vec::new(),
        current: None,
    };
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
        events.push(recorder.event(event, events.len()).await?);
    }
    if let Some(access) = decision.access_token {
        let generation = recorder.state.authorizer().map_or(0, |state| state.generation);
        let key = recorder.stream_key().await?;
        let given = (&access.token, access.expires_in);
        let stored = Stored::new(vault, &key, (&context.stream, generation), given, context.called_at);
        token = TokenChange::Store { access: stored.sealed, expires_at: stored.expires_at, generation };
    }
    let (mut tasks, mut redeems) = (Vec::new(), Vec::new());
    for task in decision.tasks {
        let queue = if matches!(task, Task::Redeem(_)) { &mut redeems } else { &mut tasks };
        queue.push(recorder.task(task).await?);
    }
    let state = (!events.is_empty()).then(|| recorder.state.to_stored()).flatten();
    Ok(Append {
        command: context.command,
        stream: context.stream.clone(),
        expected: snapshot.version,
        events,
        state,
        tasks,
        redeems,
        keys: recorder.keys,
        token,
        erases: None,
        finishes: context.finishes.clone(),
        recorded_at: to_millis(context.now),
    })
}

/// Another command came first: a moment later, with jitter, the next try sees its result.
pub(crate) async fn after_conflict(conflicts: u32) {
    tokio::time::sleep(full_jitter(Duration::from_millis(2), Duration::from_millis(100), conflicts)).await;
}

struct Recorder<'a, S> {
    vault: &'a Vault<S>,
    context: &'a Context,
    state: StreamState,
    version: Version,
    last_key: u32,
    last_key_destroyed: bool,
    keys: Vec<NewKey>,
    /// The stream's own key, once it was needed.
    current: Option<Arc<DataKey>>,
}

impl<S: Keys> Recorder<'_, S> {
    /// Seals and records one event, and folds it onto the state.
    async fn event(&mut self, new: NewEvent, index: usize) -> Result<EventRecord, VaultError> {
        self.version = self.version.next();
        let mut key = self.stream_key().await?;
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
                self.vault.seal(&key, place_of(&self.context.stream, self.version, &record, field), &text);
            record.sealed.insert(field, sealed);
        }
        let state = std::mem::replace(&mut self.state, StreamState::empty(&self.context.stream));
        self.state = state.evolve(recorded(&record, self.version, &new.event));
        Ok(record)
    }

    /// The key that the stream seals with: an authorizer's newest, a component's first (the others are its notices'). The
    /// first event of a stream makes it; one that was destroyed is followed by another.
    async fn stream_key(&mut self) -> Result<Arc<DataKey>, VaultError> {
        if let Some(key) = &self.current {
            return Ok(key.clone());
        }
        let number = match self.context.stream {
            StreamName::Component(_) => self.last_key.min(1),
            StreamName::Authorizer(..) | StreamName::Webhook(_) if self.last_key_destroyed => 0,
            StreamName::Authorizer(..) | StreamName::Webhook(_) => self.last_key,
        };
        let stored = match number {
            0 => None,
            number => self.vault.key(&self.context.stream, number).await?,
        };
        let key = stored.unwrap_or_else(|| self.add_key([]));
        self.current = Some(key.clone());
        Ok(key)
    }

    fn add_key(&mut self, about: impl IntoIterator<Item = AuthorizerId>) -> Arc<DataKey> {
        self.last_key += 1;
        let (key, wrapped) = self.vault.new_key(&self.context.stream, self.last_key);
        self.keys.push(NewKey { wrapped, about: about.into_iter().collect() });
        key
    }

    async fn task(&mut self, task: Task) -> Result<NewTask, VaultError> {
        let (component, authorizer) = self.subject(&task);
        let key = task_key(&task, &component, authorizer.as_ref(), self.context.command);
        let sealed = match payload::secret(&task) {
            Some(secret) => {
                let data_key = self.stream_key().await?;
                let place = task_place(&self.context.stream, &key);
                let sealed = self.vault.seal(&data_key, place, secret);
                Some((self.context.stream.clone(), sealed))
            }
            None => None,
        };
        Ok(NewTask {
            kind: payload::kind(&task).to_owned(),
            payload: payload::write(&task),
            key,
            component,
            authorizer,
            tag: payload::tag(&task).map(str::to_owned),
            sealed,
        })
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
