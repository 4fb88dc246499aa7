//! The operations of the control API, as Rust methods.

use mandate_schema::{AuthorizerId, ComponentId};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    api::FaultRecord,
    envelope::Pair,
    error::OrderError,
    orders::{
        AuthorizerSpec, ClockSpec, CrowdSpec, FaultSpec, KeysSpec, PushSpec, ReleaseOrder, ReleaseSpec,
    },
    push::{Delivery, Hold, PushOutcome, PushRecord, Schedule},
    simulator::Simulator,
    state::{Act, Announcement, CallRecord, IssuedSecret, SentMessage, Snapshot, SnapshotFilter},
    switches::Switches,
};

/// What came of something that a merchant did.
#[derive(Clone, Serialize)]
pub struct AuthorizerOutcome {
    /// The merchant, also if the simulator chose the appid.
    pub authorizer: AuthorizerId,
    /// The authorization code, as the redirect would carry it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// `CreateTime` of the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_time: Option<i64>,
    /// The push that announced it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push: Option<u64>,
    /// Whether that push is held back.
    pub held: bool,
    /// What its deliveries got.
    pub deliveries: Vec<Delivery>,
}

/// A push that is ready to be sent.
#[derive(Clone)]
pub struct SealedPush {
    /// Where it goes, with its signatures.
    pub url: String,
    /// The envelope.
    pub body: String,
    /// Its `Content-Type`.
    pub content_type: &'static str,
}

impl std::fmt::Debug for SealedPush {
    /// Leaves out what is signed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedPush").field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for AuthorizerOutcome {
    /// Leaves the code out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthorizerOutcome")
            .field("authorizer", &self.authorizer)
            .field("create_time", &self.create_time)
            .field("push", &self.push)
            .field("held", &self.held)
            .field("deliveries", &self.deliveries)
            .finish_non_exhaustive()
    }
}

impl Simulator {
    /// Pushes the component's next ticket once, and says what the delivery got.
    ///
    /// # Errors
    ///
    /// [`OrderError::UnknownComponent`].
    pub async fn push_ticket(&self, component: &ComponentId) -> Result<PushOutcome, OrderError> {
        let now = self.now().seconds();
        let draft = self.state().ticket(component, now, now)?;
        Ok(self.dispatch(draft, Schedule::once()).await)
    }

    /// A merchant authorizes the component; `authorizer` `None`: a new one, `permissions` `None`: the usual ones.
    ///
    /// # Errors
    ///
    /// [`OrderError::UnknownComponent`].
    pub async fn authorize(
        &self,
        component: &ComponentId,
        authorizer: Option<AuthorizerId>,
        permissions: Option<Vec<u32>>,
    ) -> Result<AuthorizerOutcome, OrderError> {
        let spec = AuthorizerSpec::new(component.clone(), authorizer, Act::Authorize);
        self.authorizer(AuthorizerSpec { permissions, ..spec }).await
    }

    /// A merchant confirms again, with other permission sets if some are given.
    ///
    /// # Errors
    ///
    /// [`OrderError`]: the component or the merchant is unknown, or the merchant does not authorize it now.
    pub async fn update(
        &self,
        component: &ComponentId,
        authorizer: &AuthorizerId,
        permissions: Option<Vec<u32>>,
    ) -> Result<AuthorizerOutcome, OrderError> {
        let spec = AuthorizerSpec::new(component.clone(), Some(authorizer.clone()), Act::Update);
        self.authorizer(AuthorizerSpec { permissions, ..spec }).await
    }

    /// A merchant takes the authorization back.
    ///
    /// # Errors
    ///
    /// As [`update`](Self::update).
    pub async fn revoke(
        &self,
        component: &ComponentId,
        authorizer: &AuthorizerId,
    ) -> Result<AuthorizerOutcome, OrderError> {
        self.authorizer(AuthorizerSpec::new(component.clone(), Some(authorizer.clone()), Act::Revoke)).await
    }

    /// Refuses an order that holds its push, before it changes anything, if no more can be held.
    fn check_room(&self, schedule: &Schedule) -> Result<(), OrderError> {
        if schedule.hold == Hold::No || self.state().pushes.may_hold() {
            return Ok(());
        }
        Err(OrderError::Invalid("too many pushes are held; release some".to_owned()))
    }

    /// Anything that a merchant can do, with its push late, repeated, held or lost.
    ///
    /// # Errors
    ///
    /// [`OrderError`]; nothing has changed then.
    pub async fn authorizer(&self, spec: AuthorizerSpec) -> Result<AuthorizerOutcome, OrderError> {
        let (mut schedule, push) = (spec.schedule()?, spec.push);
        self.check_room(&schedule)?;
        let now = self.now().seconds();
        let changed = self.state().change(spec.change()?, now)?;
        if changed.delivery == Announcement::AfterNext && schedule.hold == Hold::No {
            schedule.hold = Hold::AfterNext;
        }
        let draft = changed.draft.filter(|_| push && changed.delivery != Announcement::Never);
        let outcome = match draft {
            None => None,
            Some(draft) => Some(self.dispatch(draft, schedule).await),
        };
        Ok(AuthorizerOutcome {
            authorizer: changed.authorizer,
            code: changed.code,
            create_time: changed.create_time,
            push: outcome.as_ref().map(|outcome| outcome.push),
            held: outcome.as_ref().is_some_and(|outcome| outcome.held),
            deliveries: outcome.map(|outcome| outcome.deliveries).unwrap_or_default(),
        })
    }

    /// Many new merchants authorize the component; nothing is pushed.
    ///
    /// # Errors
    ///
    /// [`OrderError`]: the component is unknown, or there would be too many.
    pub fn crowd(&self, spec: &CrowdSpec) -> Result<(), OrderError> {
        let (count, now) = (spec.checked()?, self.now().seconds());
        self.state().crowd(&spec.component, count, now)
    }

    /// Any push.
    ///
    /// # Errors
    ///
    /// [`OrderError`]; nothing has changed then.
    pub async fn push(&self, spec: PushSpec) -> Result<PushOutcome, OrderError> {
        let schedule = spec.schedule()?;
        self.check_room(&schedule)?;
        let now = self.now().seconds();
        let draft = self.state().compose(&spec, now)?;
        Ok(self.dispatch(draft, schedule).await)
    }

    /// Makes a push and does not send it: what a load is made of before it is measured. What the push says happens as with
    /// [`push`](Self::push); its record has no trace of it.
    ///
    /// # Errors
    ///
    /// [`OrderError`]; nothing has changed then.
    pub fn seal(&self, spec: &PushSpec) -> Result<SealedPush, OrderError> {
        let now = self.now().seconds();
        let mut state = self.state();
        let draft = state.compose(spec, now)?;
        let outgoing = state.seal(&draft, now)?;
        Ok(SealedPush { url: outgoing.url, body: outgoing.body, content_type: outgoing.content_type })
    }

    /// Delivers held pushes, one after the other.
    ///
    /// # Errors
    ///
    /// [`OrderError::NotHeld`] if a single one was named that is not held.
    pub async fn release(&self, spec: ReleaseSpec) -> Result<Vec<PushOutcome>, OrderError> {
        let mut held = self.state().pushes.take_held(|held| spec.push.is_none_or(|only| only == held.push));
        if let Some(push) = spec.push.filter(|_| held.is_empty()) {
            return Err(OrderError::NotHeld(push));
        }
        if spec.order == ReleaseOrder::Reversed {
            held.reverse();
        }
        let mut outcomes = Vec::with_capacity(held.len());
        for held in held {
            let schedule = Schedule { wait: true, ..held.schedule };
            outcomes.push(self.launch(held.push, held.draft, schedule).await);
        }
        Ok(outcomes)
    }

    /// Adds a fault, or does at once what the kind says.
    ///
    /// # Errors
    ///
    /// [`OrderError`]: an unknown API, or a value that the kind cannot use.
    pub fn fault(&self, spec: FaultSpec) -> Result<(), OrderError> {
        let now = self.now().seconds();
        self.state().apply_fault(spec, now)
    }

    /// The faults that still wait for calls.
    pub fn faults(&self) -> Vec<FaultRecord> {
        self.state().faults.list()
    }

    /// Takes all waiting faults back.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// Changes switches by name.
    ///
    /// # Errors
    ///
    /// [`OrderError::Invalid`]: no such switch or value; none is changed then.
    pub fn set_switches(&self, changes: &Map<String, Value>) -> Result<Switches, OrderError> {
        let mut state = self.state();
        state.switches = state.switches.with(changes).map_err(OrderError::Invalid)?;
        Ok(state.switches.clone())
    }

    /// The switches as they are.
    pub fn switches(&self) -> Switches {
        self.state().switches.clone()
    }

    /// Moves the clock forward; the time it is then.
    ///
    /// # Errors
    ///
    /// [`OrderError::Invalid`]: more than 50 years ahead.
    pub fn advance_clock(&self, spec: ClockSpec) -> Result<jiff::Timestamp, OrderError> {
        let too_far = || OrderError::Invalid("the clock may be at most 50 years ahead".to_owned());
        self.clock().advance(spec.advance.0).ok_or_else(too_far)?;
        Ok(self.now().timestamp())
    }

    /// The simulator's time.
    pub fn time(&self) -> jiff::Timestamp {
        self.now().timestamp()
    }

    /// Changes the pair that pushes are sealed with.
    ///
    /// # Errors
    ///
    /// [`OrderError`]: an unknown component, or not a key.
    pub fn rotate_keys(&self, spec: &KeysSpec) -> Result<(), OrderError> {
        let pair = Pair::parse(&spec.token, &spec.encoding_aes_key);
        let pair = pair.map_err(|error| OrderError::Invalid(error.to_string()))?;
        let mut state = self.state();
        let component = state.component_mut(&spec.component)?;
        if let Some(list) = &spec.test_list {
            component.test_pair = Some((pair, list.iter().cloned().collect()));
        } else {
            (component.pair, component.test_pair) = (pair, None);
        }
        Ok(())
    }

    /// The newest API calls in order, and how many older ones were forgotten.
    pub fn calls(&self) -> (Vec<CallRecord>, u64) {
        self.state().calls.list()
    }

    /// Starts the record of calls anew.
    pub fn clear_calls(&self) {
        self.state().calls.clear();
    }

    /// The newest customer-service messages in order, and how many older ones were forgotten.
    pub fn messages(&self) -> (Vec<SentMessage>, u64) {
        self.state().sent.list()
    }

    /// The newest pushes, oldest first.
    pub fn pushes(&self) -> Vec<PushRecord> {
        self.state().pushes.list()
    }

    /// What the simulator knows.
    pub fn snapshot(&self, filter: &SnapshotFilter) -> Snapshot {
        let now = self.now();
        self.state().snapshot(filter, now)
    }

    /// Every secret value that it issued, for scans, and how many older ones were forgotten.
    pub fn secrets(&self) -> (Vec<IssuedSecret>, u64) {
        self.state().mint.issued()
    }
}
