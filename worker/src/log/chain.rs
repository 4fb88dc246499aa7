//! The items of a batch, each decided on what those before it in its stream leave.

use std::collections::{HashMap, hash_map::Entry};

use jiff::Timestamp;
use mandate_domain::{AboutCode, Decision, Since, Task};
use mandate_schema::{CodeDigest, ComponentId, Event, Position, Secret, StreamName};
use mandate_storage::{Append, Finish, Gathered, Store, TaskState};

use super::{
    fold::{self, ReadError, to_millis},
    item::{Decided, Finishes, Held, Item, Needs, Seen, Verdict},
    record::{Context, record, redeem_key},
    snapshot::Snapshot,
    vault::Vault,
};

/// The streams of a batch, as far as they are decided.
pub(super) struct Chains<'a> {
    storage: &'a Store,
    vault: &'a Vault,
    found: &'a Gathered,
    streams: HashMap<StreamName, Snapshot>,
}

/// What an item comes to.
pub(super) enum Step<T> {
    /// This is to be appended.
    Append(Box<Append>, T),
    /// Nothing is appended.
    Known(Decided<T>),
}

impl<'a> Chains<'a> {
    pub(super) fn new(storage: &'a Store, vault: &'a Vault, found: &'a Gathered) -> Self {
        Self { storage, vault, found, streams: HashMap::new() }
    }

    /// Decides the next item.
    ///
    /// # Errors
    ///
    /// [`ReadError`]: what its stream or the facts beside it say cannot be read.
    pub(super) async fn decide<T>(&mut self, item: &Item<'_, T>) -> Result<Step<T>, ReadError> {
        if let Some(Finishes { key, by }) = &item.finishes
            && let Some(task) = self.found.tasks.get(key)
            && (&task.authorizer, &task.tag) != (&by.authorizer, &by.tag)
        {
            return Ok(Step::Known(Decided::Learned(task.clone())));
        }
        let snapshot = match self.streams.entry(item.stream.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let loaded = self.found.stream(&item.stream)?;
                new.insert(Snapshot::of(self.storage, self.vault, &item.stream, loaded).await?)
            }
        };
        let facts = Facts { vault: self.vault, found: self.found };
        let now = to_millis(Timestamp::now());
        let seen = Seen {
            state: &snapshot.state,
            now,
            since: facts.since(&item.stream, item.needs.since, snapshot).await?,
            held: facts.held(&item.stream, item.needs.held, snapshot).await?,
            about: facts.about(&item.stream, &item.needs),
        };
        let (ruling, then) = match (item.decide)(&seen) {
            Verdict::Append(ruling, then) => (ruling, then),
            Verdict::Leave(then) => return Ok(Step::Known(Decided::Left(then))),
        };
        let context = Context {
            command: item.command,
            stream: item.stream.clone(),
            finishes: item.finishes.as_ref().map(|it| Finish { by: it.by.clone(), ending: ruling.ending }),
            erases: ruling.erases,
            now,
            called_at: item.called_at.unwrap_or(now),
        };
        let decision = facts.without_spent(ruling.decision);
        Ok(Step::Append(Box::new(record(self.vault, context, snapshot, decision)), then))
    }
}

/// What was found, as decisions see it.
struct Facts<'a> {
    vault: &'a Vault,
    found: &'a Gathered,
}

impl Facts<'_> {
    /// What the stream gained above a position: what is stored, and what this batch adds.
    async fn since(
        &self,
        stream: &StreamName,
        after: Option<Position>,
        snapshot: &Snapshot,
    ) -> Result<Since, ReadError> {
        let Some(after) = after else { return Ok(Since::default()) };
        let mut events: Vec<Event> = Vec::new();
        for stored in self.found.since.get(&(stream.clone(), after)).into_iter().flatten() {
            events.push(fold::decode(self.vault, stored).await?);
        }
        Ok(Since::of(events.iter().chain(&snapshot.added)))
    }

    /// A secret that the state holds, opened.
    async fn held(
        &self,
        stream: &StreamName,
        held: Option<Held>,
        snapshot: &Snapshot,
    ) -> Result<Option<Secret>, ReadError> {
        let sealed = match held {
            None => None,
            Some(Held::Ticket) => snapshot
                .state
                .component()
                .and_then(|state| state.ticket.as_ref())
                .map(|ticket| &ticket.ticket),
            Some(Held::RefreshToken) => {
                snapshot.state.authorizer().and_then(|state| state.refresh_token.as_ref())
            }
        };
        match sealed {
            Some(sealed) => Ok(snapshot.open(self.vault, stream, sealed).await?),
            None => Ok(None),
        }
    }

    /// What is known about a code. The visit that its pre-auth code was made for counts before the one whose browser brought it.
    fn about(&self, stream: &StreamName, needs: &Needs) -> AboutCode {
        let Some(component) = stream.component() else { return AboutCode::default() };
        let opened = needs.pre_auth_code.and_then(|code| self.found.by_pre_auth_code.get(&code));
        let visit = opened.or_else(|| needs.code.and_then(|code| self.found.by_code.get(&code)));
        let visit = visit.filter(|visit| visit.terms.component == *component);
        AboutCode {
            tag: visit.and_then(|visit| visit.terms.tag.clone()),
            is_spent: needs.code.is_some_and(|code| self.is_spent(component, code)),
        }
    }

    /// Leaves out redemptions that have ended: a second one would bring nothing.
    fn without_spent(&self, mut decision: Decision) -> Decision {
        decision.tasks.retain(|task| match task {
            Task::Redeem(redeem) => !self.is_spent(&redeem.component, redeem.digest()),
            Task::Inspect { .. } | Task::ReleaseReply { .. } => true,
        });
        decision
    }

    fn is_spent(&self, component: &ComponentId, code: CodeDigest) -> bool {
        let task = self.found.tasks.get(&redeem_key(component, code));
        task.is_some_and(|task| matches!(task.state, TaskState::Done | TaskState::Dead))
    }
}
