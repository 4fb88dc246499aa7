//! The state of an authorizer as one component sees it.

use jiff::Timestamp;
use mandate_schema::{CodeDigest, CreateTime, Event, Field, Profile, SealedAt};
use serde::{Deserialize, Serialize};

use crate::{
    Recorded,
    order::{Age, Known, settled_at, usable},
};

/// Version of the stored form of [`Authorizer`].
pub const AUTHORIZER_FORM: u16 = 2;

/// What the log says about an authorizer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Authorizer {
    /// Where it stands.
    pub status: Status,
    /// Number of facts in the stream. Answers and tokens of an older generation are not believed.
    pub generation: u64,
    /// The newest fact.
    pub newest_fact: Option<Fact>,
    /// By when all facts had happened, by our clock.
    pub happened_by: Option<Timestamp>,
    /// The greatest of `WeChat`'s times among the facts. A callback below it is older.
    pub known_to: Option<CreateTime>,
    /// Until when a fact without a time may hide newer callbacks: callbacks up to then are unclear.
    pub unsure_until: Option<Timestamp>,
    /// Until when the answer that it still authorizes us may be older than the last revocation.
    pub provisional_until: Option<Timestamp>,
    /// The codes that the grants of the stream carry.
    pub grant_digests: Vec<CodeDigest>,
    /// The codes whose redemption has failed for good.
    pub failed_digests: Vec<CodeDigest>,
    /// The last redemption of this authorization.
    pub redemption: Option<Redemption>,
    /// When the authorizer authorized us last: `WeChat`'s time, else ours.
    pub authorized_at: Option<Timestamp>,
    /// When it revoked last: `WeChat`'s time, else ours.
    pub revoked_at: Option<Timestamp>,
    /// Permission sets granted, ascending.
    pub permissions: Vec<i64>,
    /// The authorizer's profile, in the clear for search. Erasing empties it.
    pub profile: Option<Profile>,
    /// The refresh token, sealed in the event that brought it.
    pub refresh_token: Option<SealedAt>,
    /// Whether it was erased and no fact or credentials came since.
    pub is_erased: bool,
    /// When the last event was recorded.
    pub updated_at: Timestamp,
}

/// A code that was redeemed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redemption {
    /// The code.
    pub digest: CodeDigest,
    /// Number of facts when its credentials came.
    pub generation: u64,
    /// Whether it brought a refresh token: without any API permission there is none.
    pub with_token: bool,
}

/// Where an authorizer stands.
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
    /// What its facts say about the order of callbacks.
    pub(crate) fn known(&self) -> Known {
        Known { to: self.known_to, unsure_until: self.unsure_until }
    }

    /// Whether it authorizes us as far as we know.
    pub fn is_held(&self) -> bool {
        self.status != Status::Revoked
    }

    /// Whether a grant of the stream already carries this code.
    pub fn has_grant(&self, digest: CodeDigest) -> bool {
        self.grant_digests.contains(&digest)
    }

    /// Whether it is recorded that this code's redemption has failed.
    pub(crate) fn has_failed(&self, digest: CodeDigest) -> bool {
        self.failed_digests.contains(&digest)
    }

    /// Whether the newest grant carries another code than this one.
    pub(crate) fn has_newer_code(&self, digest: CodeDigest) -> bool {
        self.newest_code().is_some_and(|newest| newest != digest)
    }

    /// Whether a code of a later grant than this one's has brought what we hold.
    pub(crate) fn holds_later_code(&self, digest: CodeDigest) -> bool {
        let place = |code| self.grant_digests.iter().position(|known| *known == code);
        let redeemed = self.redemption.as_ref().and_then(|redemption| place(redemption.digest));
        place(digest).is_some_and(|place| redeemed > Some(place))
    }

    /// Whether the last redemption is not older than the newest fact.
    pub(crate) fn has_redeemed_newest(&self) -> bool {
        self.redemption.as_ref().is_some_and(|redemption| redemption.generation == self.generation)
    }

    /// The code of the newest fact.
    pub fn newest_code(&self) -> Option<CodeDigest> {
        self.newest_fact.as_ref().and_then(|fact| fact.digest)
    }

    fn unseen(now: Timestamp) -> Self {
        Self {
            status: Status::Revoked,
            generation: 0,
            newest_fact: None,
            happened_by: None,
            known_to: None,
            unsure_until: None,
            provisional_until: None,
            grant_digests: Vec::new(),
            failed_digests: Vec::new(),
            redemption: None,
            authorized_at: None,
            revoked_at: None,
            permissions: Vec::new(),
            profile: None,
            refresh_token: None,
            is_erased: false,
            updated_at: now,
        }
    }

    /// Folds one event of an authorizer's stream.
    pub fn evolve(state: Option<Self>, recorded: Recorded<'_>) -> Self {
        let mut state = state.unwrap_or_else(|| Self::unseen(recorded.recorded_at));
        state.updated_at = recorded.recorded_at;
        if let Some(fact) = Fact::of(recorded.event) {
            state.learn(fact, recorded.recorded_at);
        }
        match recorded.event {
            Event::Granted(_) => {
                state.status = Status::Pending;
                state.redemption = None;
            }
            Event::Revoked(_) => {
                state.status = Status::Revoked;
                state.redemption = None;
                state.refresh_token = None;
            }
            Event::PermissionsChanged(changed) => state.permissions.clone_from(&changed.permissions),
            Event::CredentialsIssued(issued) => {
                state.redemption = Some(Redemption {
                    digest: issued.code_digest,
                    generation: state.generation,
                    with_token: recorded.sealed.contains_key(&Field::RefreshToken),
                });
                // No code can be redeemed after a revocation but one of a newer authorization.
                state.provisional_until = None;
                state.hold(recorded);
            }
            Event::CredentialsRotated(_) | Event::CredentialsRecovered(_) => state.hold(recorded),
            Event::CredentialsRejected(_) => state.lose_credentials(),
            Event::RedemptionFailed(failed) => {
                if !state.has_failed(failed.code_digest) {
                    state.failed_digests.push(failed.code_digest);
                }
                state.lose_credentials();
            }
            Event::ProfileRecorded(profile) => state.profile.clone_from(profile),
            Event::Erased(_) => {
                state.profile = None;
                state.refresh_token = None;
                state.is_erased = true;
            }
            // The last three are of other streams. A fold is total: it must never stop a rebuild.
            Event::Updated(_)
            | Event::TicketReceived(_)
            | Event::NoticeReceived(_)
            | Event::WebhookDisabled(_) => {}
        }
        state
    }

    fn lose_credentials(&mut self) {
        if self.is_held() {
            self.status = Status::Broken;
        }
    }

    fn hold(&mut self, recorded: Recorded<'_>) {
        self.status = Status::Authorized;
        self.is_erased = false;
        // An answer may lack the token; one that we have is never overwritten by nothing.
        self.refresh_token = recorded.sealed_at(Field::RefreshToken).or(self.refresh_token.take());
    }

    fn learn(&mut self, fact: Fact, recorded_at: Timestamp) {
        let time = usable(fact.time, recorded_at);
        let at = time.and_then(|time| Timestamp::from_second(time.0).ok()).unwrap_or(recorded_at);
        match fact.kind {
            FactKind::Grant => {
                self.authorized_at = Some(at);
                if Age::of(fact.time, self.known(), recorded_at) == Age::Newer {
                    self.provisional_until = None;
                }
            }
            FactKind::Revocation => {
                self.revoked_at = Some(at);
                self.provisional_until = Some(settled_at(recorded_at));
            }
        }
        match time {
            Some(time) => self.known_to = self.known_to.max(Some(time)),
            None => self.unsure_until = self.unsure_until.max(Some(settled_at(recorded_at))),
        }
        self.grant_digests.extend(fact.digest.filter(|digest| !self.has_grant(*digest)));
        self.generation += 1;
        self.is_erased = false;
        self.newest_fact = Some(fact);
        // It was recorded after it had happened, perhaps long after.
        let by = time.and_then(|time| Timestamp::from_second(time.0).ok()).map(settled_at);
        self.happened_by = self.happened_by.max(Some(by.map_or(recorded_at, |by| by.min(recorded_at))));
    }
}
