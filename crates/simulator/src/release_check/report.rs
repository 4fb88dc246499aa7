//! What the release check found.

use mandate_schema::ComponentId;
use serde::{Deserialize, Serialize};

/// All items of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseCheckReport {
    /// The platform.
    pub component: ComponentId,
    /// The group of test accounts, from 1.
    pub group: usize,
    /// Whether every item passed.
    pub passed: bool,
    /// The items, in order.
    pub items: Vec<ReleaseCheckItem>,
}

/// One item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseCheckItem {
    /// Its name, for example `api_text`.
    pub name: String,
    /// What it is, for people.
    pub title: String,
    /// Whether the platform did what it must.
    pub passed: bool,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// What was wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What was exchanged, if it did not pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchanges: Vec<Exchange>,
}

/// A push and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The document that was pushed, before it was encrypted.
    pub sent: String,
    /// The answer: its status and the beginning of its body, and the passive reply in it, opened.
    pub received: String,
}
