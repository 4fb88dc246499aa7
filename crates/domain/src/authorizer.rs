//! The state of a merchant's account as one component sees it.

use jiff::Timestamp;
use mandate_schema::{CodeDigest, CreateTime, Event, Field, Profile, SealedAt};
use serde::{Deserialize, Serialize};

use crate::Recorded;

/// Version of the stored form of [`Authorizer`].
pub const AUTHORIZER_FORM: u16 = 1;

/// What the log says about an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Authorizer {
    /// Where it stands.
    pub status: Status,
    /// Number of facts in the stream. Answers and tokens of an older generation are not believed.
    pub generation: u64,
    /// The newest fact.
    pub newest_fact: Option<Fact>,
    /// The codes that the grants of the stream carry.
    pub grant_digests: Vec<CodeDigest>,
    /// When the account authorized us last: `WeChat`'s time, else ours.
    pub authorized_at: Option<Timestamp>,
    /// When it revoked last: `WeChat`'s time, else ours.
    pub revoked_at: Option<Timestamp>,
    /// Permission sets granted, ascending.
    pub permissions: Vec<i64>,
    /// The account's profile, in the clear for search. Erasing empties it.
    pub profile: Option<Profile>,
    /// The refresh token, sealed in the event that brought it.
    pub refresh_token: Option<SealedAt>,
    /// When the last event was recorded.
    pub updated_at: Timestamp,
}

/// Where an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It has authorized us; its code is not redeemed yet.
    Pending,
    /// It has authorized us and we hold its credentials.
    Authorized,
    /// It has revoked its authorization, or never gave one.
    Revoked,
    /// It authorizes us as far as we know, but neither redemption nor recovery brought credentials.
    Broken,
}

impl Status {
    /// All of them, in the order in which they are counted and listed.
    pub const ALL: [Self; 4] = [Self::Authorized, Self::Revoked, Self::Pending, Self::Broken];

    /// The name in the API and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Authorized => "authorized",
            Self::Revoked => "revoked",
            Self::Broken => "broken",
        }
    }
}

/// A grant or a revocation. Facts are ordered by `WeChat`'s time, never by arrival.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Which of the two.
    pub kind: FactKind,
    /// `WeChat`'s time, if it said one.
    pub time: Option<CreateTime>,
    /// The code that came with a grant.
    pub digest: Option<CodeDigest>,
}

/// The two kinds of facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactKind {
    /// `authorization.granted` or `authorization.updated`.
    Grant,
    /// `authorization.revoked`.
    Revocation,
}

impl Fact {
    /// The fact that an event states, if it states one.
    pub fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Granted(grant) | Event::Updated(grant) => {
                Some(Self { kind: FactKind::Grant, time: grant.create_time, digest: grant.code_digest })
            }
            Event::Revoked(revoked) => {
                Some(Self { kind: FactKind::Revocation, time: revoked.create_time, digest: None })
            }
            Event::TicketReceived(_)
            | Event::NoticeReceived(_)
            | Event::PermissionsChanged(_)
            | Event::CredentialsIssued(_)
            | Event::CredentialsRotated(_)
            | Event::CredentialsRejected(_)
            | Event::CredentialsRecovered(_)
            | Event::RedemptionFailed(_)
            | Event::ProfileRecorded(_)
            | Event::Erased(_)
            | Event::WebhookDisabled(_) => None,
        }
    }
}

impl Authorizer {
    /// Whether the account authorizes us as far as we know.
    pub fn is_held(&self) -> bool {
        self.status != Status::Revoked
    }

    /// Whether a grant of the stream already carries this code.
    pub fn has_grant(&self, digest: CodeDigest) -> bool {
        self.grant_digests.contains(&digest)
    }

    fn unseen(now: Timestamp) -> Self {
        Self {
            status: Status::Revoked,
            generation: 0,
            newest_fact: None,
            grant_digests: Vec::new(),
            authorized_at: None,
            revoked_at: None,
            permissions: Vec::new(),
            profile: None,
            refresh_token: None,
            updated_at: now,
        }
    }

    /// Folds one event of an account's stream.
    pub fn evolve(state: Option<Self>, recorded: Recorded<'_>) -> Self {
        let mut state = state.unwrap_or_else(|| Self::unseen(recorded.recorded_at));
        state.updated_at = recorded.recorded_at;
        if let Some(fact) = Fact::of(recorded.event) {
            state.learn(fact, recorded.recorded_at);
        }
        match recorded.event {
            Event::Granted(_) => state.status = Status::Pending,
            Event::Revoked(_) => {
                state.status = Status::Revoked;
                state.refresh_token = None;
            }
            Event::PermissionsChanged(changed) => state.permissions.clone_from(&changed.permissions),
            Event::CredentialsIssued(_) | Event::CredentialsRotated(_) | Event::CredentialsRecovered(_) => {
                state.status = Status::Authorized;
                // An answer may lack the token; one that we have is never overwritten by nothing.
                state.refresh_token = recorded.sealed_at(Field::RefreshToken).or(state.refresh_token);
            }
            Event::CredentialsRejected(_) | Event::RedemptionFailed(_) => {
                if state.is_held() {
                    state.status = Status::Broken;
                }
            }
            Event::ProfileRecorded(profile) => state.profile.clone_from(profile),
            Event::Erased(_) => {
                state.profile = None;
                state.refresh_token = None;
            }
            // The last three are of other streams. A fold is total: it must never stop a rebuild.
            Event::Updated(_)
            | Event::TicketReceived(_)
            | Event::NoticeReceived(_)
            | Event::WebhookDisabled(_) => {}
        }
        state
    }

    fn learn(&mut self, fact: Fact, recorded_at: Timestamp) {
        let at = fact.time.and_then(|time| Timestamp::from_second(time.0).ok()).unwrap_or(recorded_at);
        match fact.kind {
            FactKind::Grant => self.authorized_at = Some(at),
            FactKind::Revocation => self.revoked_at = Some(at),
        }
        self.grant_digests.extend(fact.digest.filter(|digest| !self.has_grant(*digest)));
        self.generation += 1;
        self.newest_fact = Some(fact);
    }
}
