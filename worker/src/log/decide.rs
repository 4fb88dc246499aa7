//! A batch of decisions: loaded in one query, decided on one another, appended at once.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use mandate_schema::StreamName;
use mandate_storage::{Appended, Command, Landed, StorageError, Wanted};

use super::{
    Log,
    chain::{Chains, Step},
    fold::ReadError,
    item::{Decided, Item},
    queues_tasks,
    record::{after_conflict, redeem_key},
};

/// When to store again what cannot be had again.
const STORE_AGAIN: Duration = Duration::from_millis(500);

type Outcome<T> = Result<Decided<T>, ReadError>;

/// An item that was decided, before it is appended.
enum Pending<T> {
    /// It is the next command.
    Command(T),
    /// Nothing is appended.
    Known(Outcome<T>),
}

impl Log {
    /// Decides one item; see [`Log::decide`].
    ///
    /// # Errors
    ///
    /// As [`Log::decide`].
    pub(crate) async fn decide_one<T: Send>(&self, item: Item<'_, T>) -> Outcome<T> {
        self.decide(vec![item]).await.remove(0)
    }

    /// Decides what cannot be had again, such as an answer of `WeChat` that brought credentials: as often as it takes while the store
    /// is away.
    ///
    /// # Errors
    ///
    /// As [`Log::decide`], but none that may pass.
    pub(crate) async fn decide_surely<T: Send>(&self, item: Item<'_, T>) -> Outcome<T> {
        loop {
            match self.decide_all(std::slice::from_ref(&item)).await.remove(0) {
                Err(ReadError::Storage(error)) if error.is_transient() => {
                    tracing::warn!(stream = %item.stream, command = %item.command, %error, "an answer cannot be stored yet");
                    tokio::time::sleep(STORE_AGAIN).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Decides a batch and appends all of it at once; answers each item. Items of one stream are decided on one another, in their
    /// order. After a conflict what it concerns is loaded and decided again, as often as it takes.
    ///
    /// # Errors
    ///
    /// For each item [`ReadError`]: its stream or a key cannot be read, or the append fails for it; see
    /// [`Appender::append_all`](mandate_storage::Appender::append_all).
    pub(crate) async fn decide<T: Send>(&self, items: Vec<Item<'_, T>>) -> Vec<Outcome<T>> {
        self.decide_all(&items).await
    }

    async fn decide_all<T: Send>(&self, items: &[Item<'_, T>]) -> Vec<Outcome<T>> {
        let mut outcomes: Vec<Option<Outcome<T>>> = items.iter().map(|_| None).collect();
        let mut waiting: Vec<usize> = (0..items.len()).collect();
        for conflicts in 0.. {
            let round: Vec<&Item<'_, T>> = waiting.iter().map(|index| &items[*index]).collect();
            for (index, outcome) in waiting.iter().zip(self.decide_round(&round).await) {
                outcomes[*index] = outcome;
            }
            waiting.retain(|index| outcomes[*index].is_none());
            if waiting.is_empty() {
                break;
            }
            after_conflict(conflicts).await;
        }
        outcomes.into_iter().flatten().collect()
    }

    /// Loads, decides and appends once; `None`: a conflict.
    async fn decide_round<T: Send>(&self, items: &[&Item<'_, T>]) -> Vec<Option<Outcome<T>>> {
        let wanted = Wanted::together(items.iter().map(|item| wanted(item)));
        let found = match self.gatherer.gather(wanted).await {
            Ok(found) => found,
            // One of the rows cannot be read: only its stream fails.
            Err(error) if !error.is_transient() && has_several_streams(items) => {
                return Box::pin(self.decide_by_stream(items)).await;
            }
            Err(error) => return items.iter().map(|_| Some(Err(error.copy().into()))).collect(),
        };
        let mut chains = Chains::new(&self.storage, &self.vault, &found);
        let (mut commands, mut pending) = (Vec::new(), Vec::with_capacity(items.len()));
        // Order is kept: what is behind a decision that must be repeated is repeated, too.
        let mut broken: HashMap<&StreamName, StorageError> = HashMap::new();
        for item in items {
            if let Some(error) = broken.get(&item.stream) {
                pending.push(Pending::Known(Err(error.copy().into())));
                continue;
            }
            pending.push(match chains.decide(item).await {
                Ok(Step::Append(append, then)) => {
                    commands.push(Command::Decided(append));
                    Pending::Command(then)
                }
                Ok(Step::Known(decided)) => Pending::Known(Ok(decided)),
                Err(error) => {
                    if let ReadError::Storage(error) = &error
                        && error.is_transient()
                    {
                        broken.insert(&item.stream, error.copy());
                    }
                    Pending::Known(Err(error))
                }
            });
        }
        let mut landed = self.submit(items, commands).await.into_iter();
        let outcome = |pending| match pending {
            Pending::Known(outcome) => Some(outcome),
            Pending::Command(then) => settle(landed.next().expect("each command is answered"), then),
        };
        pending.into_iter().map(outcome).collect()
    }

    async fn decide_by_stream<T: Send>(&self, items: &[&Item<'_, T>]) -> Vec<Option<Outcome<T>>> {
        let mut outcomes: Vec<Option<Outcome<T>>> = items.iter().map(|_| None).collect();
        let streams: HashSet<&StreamName> = items.iter().map(|item| &item.stream).collect();
        for stream in streams {
            let (indices, of_stream): (Vec<_>, Vec<_>) = items
                .iter()
                .enumerate()
                .filter(|(_, item)| item.stream == *stream)
                .map(|(index, item)| (index, *item))
                .unzip();
            for (index, outcome) in indices.into_iter().zip(self.decide_round(&of_stream).await) {
                outcomes[index] = outcome;
            }
        }
        outcomes
    }

    /// Appends what was decided. A visit is tied to its code in the same transaction.
    async fn submit<T>(
        &self,
        items: &[&Item<'_, T>],
        mut commands: Vec<Command>,
    ) -> Vec<Result<Landed, StorageError>> {
        if let [Item { lands: Some(landing), .. }] = items
            && let Some(command) = commands.pop()
        {
            let (stream, queues) = (command.stream().cloned(), queues_tasks(&command));
            let landed = self.storage.land(landing.visit, landing.code, command).await;
            let appended = match &landed {
                Ok(Landed::Appended(appended)) => Some(appended),
                Ok(Landed::Refused) | Err(_) => None,
            };
            self.after_append(stream.as_slice(), queues, appended.into_iter());
            return vec![landed];
        }
        debug_assert!(items.iter().all(|item| item.lands.is_none()), "a landing is decided alone");
        let appended = self.append_all(commands).await;
        appended.into_iter().map(|appended| appended.map(Landed::Appended)).collect()
    }
}

fn settle<T>(landed: Result<Landed, StorageError>, then: T) -> Option<Outcome<T>> {
    match landed {
        Ok(Landed::Appended(Appended::Stored(position))) => Some(Ok(Decided::Stored(position, then))),
        Ok(Landed::Appended(Appended::Duplicate(_) | Appended::Finished)) => Some(Ok(Decided::Before(then))),
        Ok(Landed::Appended(Appended::Conflict)) => None,
        Ok(Landed::Refused) => Some(Ok(Decided::Refused)),
        Err(error) => Some(Err(error.into())),
    }
}

fn has_several_streams<T>(items: &[&Item<'_, T>]) -> bool {
    items.windows(2).any(|pair| pair[0].stream != pair[1].stream)
}

fn wanted<T>(Item { stream, needs, finishes, .. }: &Item<'_, T>) -> Wanted {
    let mut wanted = Wanted { streams: vec![stream.clone()], ..Wanted::default() };
    wanted.since.extend(needs.since.map(|after| (stream.clone(), after)));
    wanted.tasks.extend(finishes.as_ref().map(|finishes| finishes.key.clone()));
    wanted.pre_auth_codes.extend(needs.pre_auth_code);
    if let Some((code, component)) = needs.code.zip(stream.component()) {
        wanted.codes.push(code);
        wanted.tasks.push(redeem_key(component, code));
    }
    wanted
}
