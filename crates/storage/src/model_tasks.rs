//! Tasks: as they are queued, while an attempt has them, and how they end.

use jiff::Timestamp;
use mandate_schema::{AuthorizerId, CommandId, ComponentId, Position, SealedText, StreamName, TaskId};
use uuid::Uuid;

/// An attempt at a task, and what it has read of it. If the task has learned more since, what the attempt decided is a conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The task.
    pub task: TaskId,
    /// Its number.
    pub number: u32,
    /// The authorizer that it has read.
    pub authorizer: Option<AuthorizerId>,
    /// The tag that it has read.
    pub tag: Option<String>,
}

impl Attempt {
    /// The command that it appends.
    pub fn command(&self) -> CommandId {
        CommandId::of_attempt(self.task, self.number)
    }
}

/// What an append does to the task of its attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    /// The attempt.
    pub by: Attempt,
    /// What it brought.
    pub ending: Ending,
}

/// What an attempt brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Something that no other attempt can bring again: it is stored, also by an attempt that has lost its claim, unless another
    /// success was stored before.
    Success,
    /// A refusal. Only the current attempt stores it: a later one may know more.
    Refusal,
    /// Something on the way: the task goes on, and asks again. Only the current attempt stores it, while the task has not ended.
    PutOff,
}

impl Ending {
    /// The name in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refusal => "refusal",
            Self::PutOff => "put_off",
        }
    }
}

/// A task that an attempt gives up.
#[derive(Clone, Debug)]
pub struct GivenUp {
    /// The attempt.
    pub by: Attempt,
    /// Why, as a short name: the label of the metric.
    pub reason: String,
    /// Why, for people. Never holds a secret.
    pub detail: String,
    /// What is asked in its place.
    pub asks: Option<NewTask>,
    /// When.
    pub recorded_at: Timestamp,
}

/// A task to queue.
#[derive(Clone, Debug)]
pub struct NewTask {
    /// Its unique key.
    pub key: String,
    /// Its kind, for example `redeem`.
    pub kind: String,
    /// The component whose token it needs.
    pub component: ComponentId,
    /// The account it is about, if known.
    pub authorizer: Option<AuthorizerId>,
    /// The tag of the consent link that its code came through.
    pub tag: Option<String>,
    /// Its arguments, JSON text.
    pub payload: String,
    /// Its secret argument, with the stream whose data key seals it.
    pub sealed: Option<(StreamName, SealedText)>,
}

/// A task under way: the claim holds until the lease ends.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The task.
    pub id: TaskId,
    /// What was queued.
    pub task: NewTask,
    /// Number of this attempt, from 1; counted before it runs. It tells attempts apart and bounds nothing.
    pub attempt: u32,
    /// Number of this try, from 1: attempts that died with their process or were stopped are none. Backoff and budgets count it.
    pub tries: u32,
    /// How many attempts died with their process.
    pub deaths: u32,
    /// Position of the log when it was claimed.
    pub head: Position,
    /// When it was queued first.
    pub created_at: Timestamp,
}

impl Claimed {
    /// The attempt, with what it has read.
    pub fn by(&self) -> Attempt {
        Attempt {
            task: self.id,
            number: self.attempt,
            authorizer: self.task.authorizer.clone(),
            tag: self.task.tag.clone(),
        }
    }
}

/// Which tasks a worker claims.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The process.
    pub worker: Uuid,
    /// What is due at this time.
    pub now: Timestamp,
    /// The claim holds until then, unless it is prolonged.
    pub leased_until: Timestamp,
    /// How many, beside what.
    pub company: Company,
    /// How they are shared out.
    pub shares: Shares,
}

/// How the calls of a process are shared out, so that no component and no kind of task takes all of them. Among n components and
/// kinds that have something to do each has at most 1/(n + 1) of the calls, so that there is always room for one more.
#[derive(Clone, Debug)]
pub struct Shares {
    /// Calls at once.
    pub calls: usize,
    /// Tasks under way, by component and kind.
    pub running: Vec<(ComponentId, String, usize)>,
}

impl Shares {
    /// No component and no kind is held back.
    pub fn unlimited() -> Self {
        Self { calls: u32::MAX as usize, running: Vec::new() }
    }

    /// The share of each of so many components and kinds.
    pub fn of(&self, groups: usize) -> usize {
        (self.calls / (groups + 1)).max(1)
    }
}

/// What runs beside a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// Others: tasks with less than [`DEATHS_BEFORE_ALONE`], at most so many.
    Beside(usize),
    /// Nothing: one task with at least so many deaths.
    Alone,
}

/// A task that had so many deaths may be what kills the process: it runs alone. The queries hold the same number.
pub const DEATHS_BEFORE_ALONE: u32 = 2;

/// When there is something to claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NextDue {
    /// Among the tasks that run beside others, those included whose lease may end.
    pub beside: Option<Timestamp>,
    /// Among those that run alone.
    pub alone: Option<Timestamp>,
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// Waits for its time.
    Ready,
    /// An attempt is under way, or died with its process.
    Running,
    /// Done; kept for a while so that a second path finds the result.
    Done,
    /// Given up; a dead letter waits for the operator.
    Dead,
}

impl TaskState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ready, Self::Running, Self::Done, Self::Dead];

    /// The name in storage and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    /// Reads the name in storage.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// How many tasks of a kind are in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskCount {
    /// The kind.
    pub kind: String,
    /// The state.
    pub state: TaskState,
    /// How many.
    pub count: u64,
}

/// The result of a finished task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskDone {
    /// Where it stands.
    pub state: TaskState,
    /// The last position its command appended.
    pub position: Option<Position>,
    /// The account that it is about, as far as it is known.
    pub authorizer: Option<AuthorizerId>,
    /// The tag of the consent link that its code came through, as far as it is known.
    pub tag: Option<String>,
}
