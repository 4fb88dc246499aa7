//! The record of API calls, for assertions.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;

/// Calls that are remembered.
const REMEMBERED: usize = 50_000;

/// One call to the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallRecord {
    /// The API's name, for example `api_query_auth`; for paths that do not exist, the path.
    pub api: String,
    /// `component_appid` of the body, as it was sent.
    pub component: Option<String>,
    /// `authorizer_appid` of the body, as it was sent.
    pub authorizer: Option<String>,
    /// What was answered, 0 for success; `None` if the answer was no answer of the API (dropped, 5xx, HTML).
    pub errcode: Option<i64>,
    /// Whether the call took effect, which the caller may not know.
    pub processed: bool,
    /// When, by the simulator's clock.
    pub at: Timestamp,
}

/// The newest calls.
#[derive(Default)]
pub(crate) struct Calls {
    records: VecDeque<CallRecord>,
    forgotten: u64,
}

impl Calls {
    /// Remembers a call.
    pub(crate) fn add(&mut self, record: CallRecord) {
        if self.records.len() == REMEMBERED {
            self.records.pop_front();
            self.forgotten += 1;
        }
        self.records.push_back(record);
    }

    /// The calls in order, and how many older ones were forgotten.
    pub(crate) fn list(&self) -> (Vec<CallRecord>, u64) {
        (self.records.iter().cloned().collect(), self.forgotten)
    }

    /// Starts anew.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
