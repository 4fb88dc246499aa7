//! How far a comparison has come, and what it has found.

use mandate_schema::{AuthorizerId, StreamName};
use serde::{Deserialize, Serialize};

/// Authorizers without a token that are named; the count goes on.
const NAMED_MAX: usize = 1_000;

/// The stored form of a comparison under way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) phase: Phase,
    pub(super) report: Report,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// A page of the list.
    Pages {
        /// Where it begins.
        offset: u64,
        /// The end of the page before: this one names them again.
        #[serde(default)]
        overlap: Vec<AuthorizerId>,
    },
    /// Authorizers that no page has named, behind this one.
    Missing { after: Option<StreamName> },
    /// Authorizers without a profile, behind this one.
    Profiles { after: Option<StreamName> },
}

impl Default for Phase {
    fn default() -> Self {
        Self::Pages { offset: 0, overlap: Vec::new() }
    }
}

/// What a comparison has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Authorizers in `WeChat`'s list, by its own account.
    pub total: u64,
    /// So many of them it did not name: it ended before.
    pub short_by: u64,
    /// Authorizers compared so far. A few may be counted twice if the comparison was cut off and the list has shifted.
    pub listed: u64,
    /// Of them, those of which we knew all.
    pub unchanged: u64,
    /// Authorizations that we had missed.
    pub granted: u64,
    /// Authorizations that merchants have confirmed again, which we had missed: a task asks about each.
    pub updated: u64,
    /// Refresh tokens of the list that we lack, or that are others than ours: a task tries each.
    pub recovered: u64,
    /// Contradictions: a task asks about each of these authorizers. Among them those that we hold and the list lacks.
    pub to_confirm: u64,
    /// Authorizers without a profile: a task looks it up.
    pub profiles: u64,
    /// Authorizers that have changed while their page was read; the next comparison looks at them.
    pub waiting: u64,
    /// Entries of the list that cannot be read.
    pub unreadable: u64,
    /// Authorizers that were skipped, because what is stored about them cannot be read; the log names them.
    pub unreadable_streams: u64,
    /// Authorizers for which neither we nor the list hold a refresh token that works. A task looks for one a last time; only
    /// the merchant can help then.
    pub without_token: u64,
    /// The first of them.
    pub accounts_without_token: Vec<AuthorizerId>,
}

impl Report {
    pub(super) fn note_without_token(&mut self, authorizer: AuthorizerId) {
        self.without_token += 1;
        if self.accounts_without_token.len() < NAMED_MAX {
            self.accounts_without_token.push(authorizer);
        }
    }
}

impl Progress {
    pub(super) fn to_stored(&self) -> String {
        serde_json::to_string(self).expect("plain data")
    }

    /// One that this program cannot read begins again: to compare twice is harmless.
    pub(super) fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_survives_its_stored_form() {
        let stream: StreamName = "authorizer/wx1f2e3d4c5b6a7988/wxa0b1c2d3e4f50617".parse().unwrap();
        for phase in [
            Phase::Pages { offset: 980, overlap: vec!["wxa0b1c2d3e4f50617".parse().unwrap()] },
            Phase::Missing { after: None },
            Phase::Missing { after: Some(stream.clone()) },
            Phase::Profiles { after: Some(stream) },
        ] {
            let mut progress = Progress { phase, report: Report { total: 7, ..Report::default() } };
            progress.report.note_without_token("wxa0b1c2d3e4f50617".parse().unwrap());
            assert_eq!(Progress::parse(&progress.to_stored()), progress);
        }
        assert_eq!(Progress::parse("of another program"), Progress::default());
        let older = r#"{"phase":{"pages":{"offset":980}},"report":{"total":7}}"#;
        let report = Report { total: 7, ..Report::default() };
        let expected = Progress { phase: Phase::Pages { offset: 980, overlap: Vec::new() }, report };
        assert_eq!(Progress::parse(older), expected, "what it does not count yet is 0");
    }
}
