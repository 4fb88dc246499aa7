//! The form in which the function `append_batch` takes a command. Workers of the version before and after meet it while a new
//! version is rolled out: fields may be added, and what the function reads stays.

use base64::{Engine, engine::general_purpose::STANDARD};
use mandate_schema::{AuthorizerId, EventRecord, StreamName, TaskId};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Append, Attempt, Command, DeadLetter, DeadPayload, Ending, GivenUp, NewKey, NewState, NewTask,
    StorageError, TokenChange,
    convert::{NO_ATTEMPT, millis, signed, to_json, told},
};

type Result<T> = std::result::Result<T, StorageError>;

/// One command. What has a letter has nothing of a stream.
#[derive(Debug, Serialize)]
pub(super) struct Item<'a> {
    id: Uuid,
    recorded_at: i64,
    task: Option<Uuid>,
    finish: Option<FinishForm<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
    expected: i64,
    events: Vec<EventForm<'a>>,
    state: Option<StateForm<'a>>,
    keys: Vec<KeyForm<'a>>,
    token: Option<TokenForm>,
    tasks: Vec<TaskForm<'a>>,
    redeems: Vec<TaskForm<'a>>,
    /// Letters that an erased account's append discards.
    erases: Option<Vec<Uuid>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    letter: Option<LetterForm<'a>>,
}

#[derive(Debug, Serialize)]
struct FinishForm<'a> {
    attempt: u32,
    authorizer: Option<&'a AuthorizerId>,
    tag: Option<&'a str>,
    ending: &'static str,
}

#[derive(Debug, Serialize)]
struct EventForm<'a> {
    id: Uuid,
    name: &'a str,
    form: u16,
    command: Uuid,
    occurred_at: Option<i64>,
    recorded_at: i64,
    data: &'a str,
    sealed: String,
}

#[derive(Debug, Serialize)]
struct StateForm<'a> {
    form: u16,
    json: &'a str,
    status: Option<&'a str>,
    search: String,
}

#[derive(Debug, Serialize)]
struct KeyForm<'a> {
    stream: String,
    number: u32,
    master: &'a str,
    wrapped: String,
    about: &'a [AuthorizerId],
}

#[derive(Debug, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
enum TokenForm {
    Empty,
    Store { access: String, expires_at: i64, generation: i64 },
}

#[derive(Debug, Serialize)]
struct TaskForm<'a> {
    id: Uuid,
    key: &'a str,
    kind: &'a str,
    component: &'a str,
    authorizer: Option<&'a AuthorizerId>,
    tag: Option<&'a str>,
    payload: &'a str,
    sealed_by: Option<String>,
    sealed: Option<String>,
}

#[derive(Debug, Serialize)]
struct LetterForm<'a> {
    reason: &'a str,
    detail: String,
    push_id: Option<Uuid>,
    push: Option<String>,
}

impl<'a> Item<'a> {
    /// # Errors
    ///
    /// [`StorageError::Data`]: a command that no database takes.
    pub(super) fn of(command: &'a Command) -> Result<Self> {
        match command {
            Command::Decided(append) => Self::decided(append),
            Command::Dead(letter) => Self::dead(letter),
            Command::GivenUp(given_up) => Ok(Self::given_up(given_up)),
        }
    }

    /// A command with nothing in it yet.
    fn empty(id: Uuid, recorded_at: i64) -> Self {
        Self {
            id,
            recorded_at,
            task: None,
            finish: None,
            stream: None,
            expected: 0,
            events: Vec::new(),
            state: None,
            keys: Vec::new(),
            token: None,
            tasks: Vec::new(),
            redeems: Vec::new(),
            erases: None,
            letter: None,
        }
    }

    fn decided(append: &'a Append) -> Result<Self> {
        append.check()?;
        let at = millis(append.recorded_at);
        let finish = append.finishes.as_ref();
        Ok(Self {
            task: finish.map(|finish| finish.by.task.0),
            finish: finish.map(|finish| FinishForm::of(&finish.by, finish.ending)),
            stream: Some(append.stream.to_string()),
            expected: signed(append.expected.0),
            events: append.events.iter().map(EventForm::of).collect::<Result<_>>()?,
            state: append.state.as_ref().map(|state| StateForm::of(&append.stream, state)),
            keys: append.keys.iter().map(KeyForm::of).collect(),
            token: TokenForm::of(&append.token),
            tasks: append.tasks.iter().map(|new| TaskForm::of(new, at)).collect(),
            redeems: append.redeems.iter().map(|new| TaskForm::of(new, at)).collect(),
            erases: append.erases.as_ref().map(|erasure| erasure.letters.iter().map(|id| id.0).collect()),
            ..Self::empty(append.command.0, at)
        })
    }

    fn dead(letter: &'a DeadLetter) -> Result<Self> {
        let DeadPayload::Push(push) = &letter.payload else {
            return Err(StorageError::Data(NO_ATTEMPT.into()));
        };
        let (push_id, push) = (Some(push.id.0), Some(to_json(push)?));
        let (reason, detail) = (letter.reason.as_str(), told(&letter.detail));
        let letter_form = Some(LetterForm { reason, detail, push_id, push });
        Ok(Self { letter: letter_form, ..Self::empty(letter.command.0, millis(letter.recorded_at)) })
    }

    fn given_up(GivenUp { by, reason, detail, asks, recorded_at }: &'a GivenUp) -> Self {
        let at = millis(*recorded_at);
        Self {
            task: Some(by.task.0),
            finish: Some(FinishForm::of(by, Ending::Refusal)),
            tasks: asks.iter().map(|new| TaskForm::of(new, at)).collect(),
            letter: Some(LetterForm { reason, detail: told(detail), push_id: None, push: None }),
            ..Self::empty(by.command().0, at)
        }
    }
}

impl<'a> FinishForm<'a> {
    fn of(by: &'a Attempt, ending: Ending) -> Self {
        let (authorizer, tag) = (by.authorizer.as_ref(), by.tag.as_deref());
        Self { attempt: by.number, authorizer, tag, ending: ending.as_str() }
    }
}

impl<'a> EventForm<'a> {
    fn of(record: &'a EventRecord) -> Result<Self> {
        Ok(Self {
            id: record.id.0,
            name: &record.name,
            form: record.form,
            command: record.causation.0,
            occurred_at: record.occurred_at.map(millis),
            recorded_at: millis(record.recorded_at),
            data: &record.data,
            sealed: to_json(&record.sealed)?,
        })
    }
}

impl<'a> StateForm<'a> {
    fn of(stream: &StreamName, state: &'a NewState) -> Self {
        let (status, search) = (state.status.as_deref(), state.search_text(stream));
        Self { form: state.form, json: &state.json, status, search }
    }
}

impl<'a> KeyForm<'a> {
    fn of(NewKey { wrapped, about }: &'a NewKey) -> Self {
        Self {
            stream: wrapped.stream.to_string(),
            number: wrapped.number,
            master: &wrapped.master,
            wrapped: STANDARD.encode(&wrapped.bytes),
            about,
        }
    }
}

impl TokenForm {
    fn of(change: &TokenChange) -> Option<Self> {
        match change {
            TokenChange::Keep => None,
            TokenChange::Empty => Some(Self::Empty),
            TokenChange::Store { access, expires_at, generation } => Some(Self::Store {
                access: access.to_string(),
                expires_at: millis(*expires_at),
                generation: signed(*generation),
            }),
        }
    }
}

impl<'a> TaskForm<'a> {
    fn of(task: &'a NewTask, at: i64) -> Self {
        let (sealed_by, sealed) =
            task.sealed.as_ref().map(|(stream, sealed)| (stream.to_string(), sealed.to_string())).unzip();
        Self {
            id: TaskId::of_key(&task.key, at).0,
            key: &task.key,
            kind: &task.kind,
            component: task.component.as_str(),
            authorizer: task.authorizer.as_ref(),
            tag: task.tag.as_deref(),
            payload: &task.payload,
            sealed_by,
            sealed,
        }
    }
}
