//! What an attempt found, and how it ends.

use std::time::Duration;

use jiff::Timestamp;
use mandate_domain::{Decision, Since};
use mandate_schema::StreamName;
use mandate_storage::Ending;

use crate::log::fold::StreamState;

/// How an attempt ended.
pub(crate) enum End {
    /// Its outcome is stored.
    Done,
    /// It asks again then, as it should: nothing failed.
    PutOff { at: Timestamp },
    /// To be tried again.
    Again { after: Duration, reason: &'static str, detail: String },
    /// Given up.
    Dead { reason: &'static str, detail: String },
}

impl End {
    pub(super) fn dead(reason: &'static str, detail: impl Into<String>) -> Self {
        Self::Dead { reason, detail: detail.into() }
    }
}

/// What an attempt found, and where it belongs.
pub(super) struct Finding<'a> {
    pub(super) stream: StreamName,
    pub(super) decide: Decide<'a>,
}

/// Why an attempt gives its task up.
pub(super) struct GiveUp {
    pub(super) reason: &'static str,
    pub(super) detail: String,
}

pub(super) type Decide<'a> = Box<dyn Fn(&Answer<'_>) -> Outcome + Send + Sync + 'a>;

/// What an answer means: what is appended, and how the attempt ends once that is stored.
pub(crate) struct Outcome {
    pub(super) decision: Decision,
    pub(super) ending: Ending,
    pub(super) then: End,
}

impl Outcome {
    /// The task ends with this.
    pub(crate) fn done(ending: Ending, decision: Decision) -> Self {
        Self { decision, ending, then: End::Done }
    }

    /// The task goes on then.
    pub(crate) fn put_off(decision: Decision, at: Timestamp) -> Self {
        Self { decision, ending: Ending::PutOff, then: End::PutOff { at } }
    }

    /// Nothing is appended.
    pub(super) fn end(then: End) -> Self {
        Self { decision: Decision::nothing(), ending: Ending::PutOff, then }
    }
}

/// The stream as an answer meets it.
pub(crate) struct Answer<'a> {
    pub(super) state: &'a StreamState,
    /// What the stream gained since the call started.
    pub(super) since: &'a Since,
}
