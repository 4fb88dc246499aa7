//! The record of API calls, for assertions.

use jiff::Timestamp;
use serde::Serialize;

use super::remembered::Remembered;

/// The newest calls.
pub(crate) type Calls = Remembered<CallRecord, 50_000>;

/// One call to the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallRecord {
    /// The API's name, for example `api_query_auth`; for paths that do not exist, the path.
    pub api: String,
    /// `component_appid` of the body, as it was sent.
    pub component: Option<String>,
    /// `authorizer_appid` of the body, as it was sent.
    pub authorizer: Option<String>,
    /// `offset` of the body: which page of the list was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
    /// What was answered, 0 for success; `None` if the answer was no answer of the API (dropped, 5xx, HTML).
    pub errcode: Option<i64>,
    /// Whether the call took effect, which the caller may not know.
    pub processed: bool,
    /// When, by the simulator's clock.
    pub at: Timestamp,
}
