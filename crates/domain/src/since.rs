//! What a stream has gained since a call to `WeChat` began.

use mandate_schema::{CodeDigest, Event};

use crate::{Fact, FactKind};

/// What the stream gained since the call began. An answer never replaces what is newer than its call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Since {
    /// Its new facts.
    pub facts: Vec<Fact>,
    /// Whether it gained credentials.
    pub credentials: bool,
    /// Whether it gained permissions.
    pub permissions: bool,
    /// Whether it gained a profile.
    pub profile: bool,
}

impl Since {
    /// Collects from the stream's events above the log head that the task noted.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut since = Self::default();
        for event in events {
            since.facts.extend(Fact::of(event));
            match event {
                Event::CredentialsIssued(_)
                | Event::CredentialsRotated(_)
                | Event::CredentialsRecovered(_) => {
                    since.credentials = true;
                }
                Event::PermissionsChanged(_) => since.permissions = true,
                Event::ProfileRecorded(_) => since.profile = true,
                Event::TicketReceived(_)
                | Event::NoticeReceived(_)
                | Event::Granted(_)
                | Event::Updated(_)
                | Event::Revoked(_)
                | Event::CredentialsRejected(_)
                | Event::RedemptionFailed(_)
                | Event::Erased(_)
                | Event::WebhookDisabled(_) => {}
            }
        }
        since
    }

    /// Whether it gained nothing that an answer about the authorizer could contradict.
    pub fn is_settled(&self) -> bool {
        self.facts.is_empty() && !self.credentials
    }

    /// Whether it gained a fact other than the grant that the code belongs to.
    pub(crate) fn has_other_fact(&self, digest: CodeDigest) -> bool {
        self.facts.iter().any(|fact| fact.kind != FactKind::Grant || fact.digest != Some(digest))
    }
}
