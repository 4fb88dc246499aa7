//! What the cases are given: ids, times and commands, built in a line.
//!
//! The state of every stream counts its events, so that what an append stores is what [`Counter`] folds.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use mandate_schema::{
    AuthorizerId, CallbackId, CommandId, ComponentId, EventId, EventRecord, Field, PairId, Position, Push,
    SealedText, Secret, StoredEvent, StreamName, Version, WrappedKey,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Append, Appended, Claim, Claimed, Command, Company, DeadLetter, DeadPayload, Ending, EventQuery, Finish,
    FoldError, FoldInput, Folder, GivenUp, NewKey, NewState, NewTask, Shares, Store, TokenChange,
};

/// Some seconds after the moment that all cases begin at.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600).expect("in range") + SignedDuration::from_secs(seconds)
}

pub(super) fn component() -> ComponentId {
    ComponentId::parse("wx1f2e3d4c5b6a7988").expect("valid")
}

pub(super) fn other_component() -> ComponentId {
    ComponentId::parse("wx8897a6b5c4d3e2f1").expect("valid")
}

pub(super) fn account(number: u32) -> AuthorizerId {
    AuthorizerId::parse(&format!("wxa{number:015}")).expect("valid")
}

/// The stream of one account.
pub(super) fn stream(number: u32) -> StreamName {
    StreamName::Authorizer(component(), account(number))
}

/// A command's id; a greater number is a later one.
pub(super) fn command(number: u64) -> CommandId {
    let millis = u128::try_from(at(0).as_millisecond()).expect("after 1970") + u128::from(number);
    CommandId(Uuid::new_v8(((millis << 80) | u128::from(number)).to_be_bytes()))
}

/// A sealed text that differs for each `text` of letters and digits. Nothing opens it: storage never does.
pub(super) fn sealed(text: &str) -> SealedText {
    let width = text.len().next_multiple_of(4); // four letters are base64 of something
    format!("1.{text:A<width$}").parse().expect("valid")
}

pub(super) fn data_key(stream: &StreamName, number: u32) -> NewKey {
    NewKey {
        wrapped: WrappedKey { stream: stream.clone(), number, master: "m1".into(), bytes: vec![7; 60] },
        about: stream.authorizer().cloned().into_iter().collect(),
    }
}

pub(super) fn task(key: &str) -> NewTask {
    NewTask {
        key: key.into(),
        kind: "confirm".into(),
        component: component(),
        authorizer: Some(account(1)),
        tag: None,
        payload: "{}".into(),
        sealed: None,
    }
}

pub(super) fn push(id: CommandId) -> Push {
    Push {
        id: CallbackId(id.0),
        component: component(),
        authorizer: None,
        pair: PairId::of(&Secret::new("token"), &[1; 32]),
        query: "signature=1&timestamp=2&nonce=3".into(),
        body: "<xml><Encrypt>中文</Encrypt></xml>".into(),
        received_at: at(0),
        unverified: false,
    }
}

/// A push that cannot be decided.
pub(super) fn dead_push(number: u64, reason: &str) -> Command {
    let id = command(number);
    Command::Dead(Box::new(DeadLetter {
        command: id,
        reason: reason.into(),
        detail: format!("it is {reason}"),
        payload: DeadPayload::Push(push(id)),
        recorded_at: at(5),
    }))
}

/// An attempt that gives its task up.
pub(super) fn dead_task(claimed: &Claimed) -> Command {
    Command::GivenUp(Box::new(GivenUp {
        by: claimed.by(),
        reason: "refused".into(),
        detail: "it is refused".into(),
        asks: None,
        recorded_at: at(5),
    }))
}

/// The process that claims in most cases.
pub(super) const WORKER: Uuid = Uuid::from_u128(1);

/// Claims what is due, as [`WORKER`].
pub(super) async fn claim(
    storage: &Store,
    now: Timestamp,
    leased_until: Timestamp,
    limit: usize,
) -> Vec<Claimed> {
    let company = Company::Beside(limit);
    storage
        .claim(Claim { worker: WORKER, now, leased_until, company, shares: Shares::unlimited() })
        .await
        .expect("the queue answers")
}

/// The state after so many events.
pub(super) fn state_after(count: u64) -> NewState {
    state_of(&json!({"status": "authorized", "count": count}).to_string())
}

/// A state of this JSON, with the status and the names that it holds.
pub(super) fn state_of(json: &str) -> NewState {
    let value: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let status = value["status"].as_str().map(str::to_owned);
    let name = |field: &str| value["profile"][field].as_str().unwrap_or_default().to_owned();
    let search = ["nick_name", "user_name", "principal_name"].map(name).join(" ");
    NewState { form: 1, json: json.into(), status, search }
}

/// A command on `stream`, decided at `expected`, with nothing in it yet.
pub(super) fn decided(id: CommandId, stream: &StreamName, expected: u64) -> Append {
    Append {
        command: id,
        stream: stream.clone(),
        expected: Version(expected),
        events: Vec::new(),
        state: None,
        tasks: Vec::new(),
        redeems: Vec::new(),
        keys: Vec::new(),
        token: TokenChange::Keep,
        erases: None,
        finishes: None,
        recorded_at: at(0),
    }
}

impl Append {
    /// Adds events, and the state after them.
    pub(super) fn events(mut self, count: u32) -> Self {
        for index in 0..count {
            let version = self.expected.0 + u64::from(index) + 1;
            self.events.push(EventRecord {
                id: EventId::of_command(self.command, index),
                name: "authorization.granted".into(),
                form: 1,
                causation: self.command,
                occurred_at: Some(at(-1)),
                recorded_at: self.recorded_at,
                data: json!({"version": version, "nick": "商户"}).to_string(),
                sealed: BTreeMap::new(),
            });
        }
        let state = state_after(self.expected.0 + u64::from(count));
        self.state(&state.json)
    }

    pub(super) fn state(mut self, json: &str) -> Self {
        self.state = Some(state_of(json));
        self
    }

    /// Makes the last event one whose published field is sealed by the stream's key `key`.
    pub(super) fn profile(mut self, key: u32) -> Self {
        let last = self.events.last_mut().expect("an event");
        last.name = "profile.recorded".into();
        let sealed: SealedText = format!("{key}.AAAA").parse().expect("valid");
        last.sealed.insert(Field::Profile, sealed);
        self
    }

    pub(super) fn task(mut self, task: NewTask) -> Self {
        self.tasks.push(task);
        self
    }

    pub(super) fn key(mut self, key: NewKey) -> Self {
        self.keys.push(key);
        self
    }

    pub(super) fn token(mut self, token: TokenChange) -> Self {
        self.token = token;
        self
    }

    pub(super) fn redeem(mut self, task: NewTask) -> Self {
        self.redeems.push(task);
        self
    }

    /// The success of an attempt.
    pub(super) fn finishes(mut self, claimed: &Claimed) -> Self {
        self.finishes = Some(Finish { by: claimed.by(), ending: Ending::Success });
        self
    }

    /// The refusal of an attempt.
    pub(super) fn refuses(mut self, claimed: &Claimed) -> Self {
        self.finishes = Some(Finish { by: claimed.by(), ending: Ending::Refusal });
        self
    }

    /// What an attempt stores on the way.
    pub(super) fn puts_off(mut self, claimed: &Claimed) -> Self {
        self.finishes = Some(Finish { by: claimed.by(), ending: Ending::PutOff });
        self
    }

    pub(super) fn decided_at(mut self, time: Timestamp) -> Self {
        self.recorded_at = time;
        self
    }
}

impl From<Append> for Command {
    fn from(append: Append) -> Self {
        Self::Decided(Box::new(append))
    }
}

/// A token that an append stores, good for two hours.
pub(super) fn token_stored(text: &str, generation: u64) -> TokenChange {
    TokenChange::Store { access: sealed(text), expires_at: at(7_200), generation }
}

/// Appends a batch of one.
pub(super) async fn append(log: &Store, command: impl Into<Command>) -> Appended {
    let mut appended = log.append_batch(vec![command.into()]).await.expect("the log takes it");
    assert_eq!(appended.len(), 1, "one command, one answer");
    appended.remove(0)
}

/// What an append answers that stored its last event at `position`.
pub(super) fn stored(position: u64) -> Appended {
    Appended::Stored(Some(Position(position)))
}

/// The whole log.
pub(super) async fn whole_log(log: &Store) -> Vec<StoredEvent> {
    let query = EventQuery { after: Position(0), limit: 100_000 };
    log.read(query).await.expect("the log is readable")
}

/// Folds a stream by counting its events, as [`Append::events`] does.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counter {
    /// Refuses the event at this position.
    pub(super) refuses: Option<Position>,
}

impl Folder for Counter {
    fn fold(&mut self, input: FoldInput<'_>) -> Result<NewState, FoldError> {
        let mut count = input.state.map_or(0, |state| {
            let state: serde_json::Value = serde_json::from_str(&state.state).expect("our own state");
            state["count"].as_u64().expect("our own state")
        });
        for (event, _) in input.events {
            count += 1;
            assert_eq!(event.version, Version(count), "a fold gets every event once, in order");
            assert_eq!(&event.stream, input.stream);
            if self.refuses == Some(event.position) {
                return Err(FoldError { position: event.position, source: "this one is refused".into() });
            }
        }
        Ok(state_after(count))
    }
}

/// An id that no command has.
pub(super) fn unknown() -> CommandId {
    CommandId(Uuid::from_u128(0xdead))
}
