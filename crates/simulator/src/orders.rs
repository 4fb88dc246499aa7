//! Orders to the simulator: the bodies of the control API, which are the arguments of its Rust side too.

use mandate_schema::{AuthorizerId, ComponentId, Secret};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    api::FaultKind,
    error::OrderError,
    push::{Dirt, Forge, Hold, Schedule},
    state::{AccountKind, Act, Change, Wishes},
    time::Span,
};

/// Deliveries of one push at most.
const TIMES_MAX: u32 = 1000;
/// Longest delay of a push.
const DELAY_MAX: std::time::Duration = std::time::Duration::from_hours(1);
/// Merchants made by one order at most.
const CROWD_MAX: usize = 1_000_000;
/// More permission sets than `WeChat` has.
const PERMISSIONS_MAX: usize = 500;

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

/// `POST /_control/push`: any push to either URL.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushSpec {
    /// The platform.
    pub component: ComponentId,
    /// The account that it is about; required for messages and authorization changes.
    #[serde(default)]
    pub authorizer: Option<AuthorizerId>,
    /// Goes to the auth-event URL.
    #[serde(default)]
    pub info_type: Option<String>,
    /// Goes to the message URL.
    #[serde(default)]
    pub msg_type: Option<String>,
    /// Elements of the document: text or whole numbers, nested by `outer.inner` or as objects, repeated as lists.
    /// `authorized`, `updateauthorized` and `unauthorized` really happen if there are no fields other than
    /// `CreateTime`, and are only said otherwise; a ticket is a real one unless its value is among the fields.
    #[serde(default)]
    pub fields: Map<String, Value>,
    /// `CreateTime`, Unix seconds; default: now.
    #[serde(default)]
    pub create_time: Option<i64>,
    /// How often it is delivered, each time encrypted anew.
    #[serde(default = "one")]
    pub times: u32,
    /// Before the first delivery.
    #[serde(default)]
    pub delay: Option<Span>,
    /// Holds it back, until released or until after the next push.
    #[serde(default)]
    pub hold: Hold,
    /// `false`: answer at once, deliver in the background.
    #[serde(default = "yes")]
    pub wait: bool,
    /// Makes it wrong. Forged pushes change nothing here.
    #[serde(default)]
    pub forge: Option<Forge>,
    /// Makes it unusual; it stays genuine.
    #[serde(default)]
    pub dirt: Dirt,
}

impl PushSpec {
    fn new(component: ComponentId) -> Self {
        Self {
            component,
            authorizer: None,
            info_type: None,
            msg_type: None,
            fields: Map::new(),
            create_time: None,
            times: 1,
            delay: None,
            hold: Hold::No,
            wait: true,
            forge: None,
            dirt: Dirt::default(),
        }
    }

    /// A push to the auth-event URL.
    pub fn event(component: ComponentId, info_type: impl Into<String>) -> Self {
        Self { info_type: Some(info_type.into()), ..Self::new(component) }
    }

    /// A push to the message URL of an account.
    pub fn message(component: ComponentId, authorizer: AuthorizerId, msg_type: impl Into<String>) -> Self {
        Self { msg_type: Some(msg_type.into()), authorizer: Some(authorizer), ..Self::new(component) }
    }

    /// With one more field.
    pub fn field(mut self, path: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(path.into(), value.into());
        self
    }

    /// Its schedule.
    pub(crate) fn schedule(&self) -> Result<Schedule, OrderError> {
        schedule(self.times, self.delay, self.hold, self.wait)
    }
}

/// `POST /_control/authorizers`: something that a merchant does, and the push that announces it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizerSpec {
    /// The platform.
    pub component: ComponentId,
    /// The merchant's appid; default for `create` and `authorize`: a new one. `authorize` makes unknown accounts.
    #[serde(default)]
    pub authorizer: Option<AuthorizerId>,
    /// What the merchant does.
    pub act: Act,
    /// The permission sets that are ticked; default: as before, else the usual ones.
    #[serde(default)]
    pub permissions: Option<Vec<u32>>,
    /// Kind of a new account.
    #[serde(default)]
    pub kind: Option<AccountKind>,
    /// Name of a new account.
    #[serde(default)]
    pub nick_name: Option<String>,
    /// Owner of a new account.
    #[serde(default)]
    pub principal_name: Option<String>,
    /// The pre-auth code of the link that was used; it must be good, and is used up.
    #[serde(default)]
    pub pre_auth_code: Option<String>,
    /// `CreateTime`, Unix seconds; default: now, but later than the merchant's last change.
    #[serde(default)]
    pub create_time: Option<i64>,
    /// `false`: the push is lost.
    #[serde(default = "yes")]
    pub push: bool,
    /// How often the push is delivered.
    #[serde(default = "one")]
    pub times: u32,
    /// Before the first delivery.
    #[serde(default)]
    pub delay: Option<Span>,
    /// Holds the push back.
    #[serde(default)]
    pub hold: Hold,
    /// `false`: answer at once, deliver in the background.
    #[serde(default = "yes")]
    pub wait: bool,
}

impl AuthorizerSpec {
    /// An act with everything else at its default.
    pub fn new(component: ComponentId, authorizer: Option<AuthorizerId>, act: Act) -> Self {
        Self {
            component,
            authorizer,
            act,
            permissions: None,
            kind: None,
            nick_name: None,
            principal_name: None,
            pre_auth_code: None,
            create_time: None,
            push: true,
            times: 1,
            delay: None,
            hold: Hold::No,
            wait: true,
        }
    }

    /// The schedule of the push.
    pub(crate) fn schedule(&self) -> Result<Schedule, OrderError> {
        schedule(self.times, self.delay, self.hold, self.wait)
    }

    /// The change itself.
    pub(crate) fn change(self) -> Result<Change, OrderError> {
        if self.permissions.as_ref().is_some_and(|permissions| permissions.len() > PERMISSIONS_MAX) {
            return Err(OrderError::Invalid(format!("more than {PERMISSIONS_MAX} permissions")));
        }
        Ok(Change {
            component: self.component,
            authorizer: self.authorizer,
            act: self.act,
            permissions: self.permissions,
            wishes: Wishes {
                kind: self.kind,
                nick_name: self.nick_name,
                principal_name: self.principal_name,
            },
            pre_auth_code: self.pre_auth_code,
            create_time: self.create_time,
        })
    }
}

/// `POST /_control/crowd`: many new merchants who authorize the platform, and whose codes were redeemed long ago.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrowdSpec {
    /// The platform.
    pub component: ComponentId,
    /// How many.
    pub count: usize,
}

impl CrowdSpec {
    /// The count, if it is not too large.
    pub(crate) fn checked(&self) -> Result<usize, OrderError> {
        if self.count > CROWD_MAX {
            return Err(OrderError::Invalid(format!("count is at most {CROWD_MAX}")));
        }
        Ok(self.count)
    }
}

fn schedule(times: u32, delay: Option<Span>, hold: Hold, wait: bool) -> Result<Schedule, OrderError> {
    let delay = delay.unwrap_or_default().0;
    if !(1..=TIMES_MAX).contains(&times) {
        return Err(OrderError::Invalid(format!("times must be 1 to {TIMES_MAX}")));
    }
    if delay > DELAY_MAX {
        return Err(OrderError::Invalid("delay must be at most 1h".to_owned()));
    }
    Ok(Schedule { times, delay, hold, wait })
}

/// `POST /_control/faults`: what goes wrong with the API's next calls, or at once.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// The API, for example `api_query_auth`; default and `*`: any. Without meaning for kinds that act at once.
    #[serde(default)]
    pub api: Option<String>,
    /// What goes wrong.
    pub kind: FaultKind,
    /// How many calls it happens to.
    #[serde(default = "one")]
    pub times: u32,
    /// What the kind asks for, see [`FaultKind`].
    #[serde(default)]
    pub value: Option<Value>,
    /// Only calls of this platform.
    #[serde(default)]
    pub component: Option<ComponentId>,
    /// Only calls about this account.
    #[serde(default)]
    pub authorizer: Option<AuthorizerId>,
    /// Happens to a call with this probability (0 to 1); only where it happens does it count.
    #[serde(default)]
    pub probability: Option<f64>,
}

impl FaultSpec {
    /// A fault of the next call of an API (`*`: of any).
    pub fn new(api: impl Into<String>, kind: FaultKind) -> Self {
        let api = Some(api.into());
        Self { api, kind, times: 1, value: None, component: None, authorizer: None, probability: None }
    }

    /// For so many calls.
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// With a value.
    pub fn value(self, value: impl Into<Value>) -> Self {
        Self { value: Some(value.into()), ..self }
    }
}

/// `POST /_control/clock`: moves the simulator's clock forward.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockSpec {
    /// How far.
    pub advance: Span,
}

/// `POST /_control/keys`: changes token and key as an operator would in `WeChat`'s console.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysSpec {
    /// The platform.
    pub component: ComponentId,
    /// The new message-check token.
    pub token: Secret,
    /// The new key, 43 characters.
    pub encoding_aes_key: Secret,
    /// Given: the new pair is in force for these accounts only (the test list before a release). Else for all.
    #[serde(default)]
    pub test_list: Option<Vec<AuthorizerId>>,
}

/// `POST /_control/release`: delivers held pushes now.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReleaseSpec {
    /// Only this one; default: all.
    pub push: Option<u64>,
    /// In which order.
    pub order: ReleaseOrder,
}

/// Order in which held pushes are released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseOrder {
    /// As they were held.
    #[default]
    Held,
    /// The last one first.
    Reversed,
}

/// `POST /_control/release-check`: plays the release check.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseCheckSpec {
    /// The platform.
    pub component: ComponentId,
    /// The group of test accounts, from 1; default: one at random.
    #[serde(default)]
    pub group: Option<usize>,
    /// How long a customer-service message may take; default: 15 s.
    #[serde(default)]
    pub wait: Option<Span>,
}

/// `WeChat` says nowhere how long it waits.
const RELEASE_CHECK_WAIT: std::time::Duration = std::time::Duration::from_secs(15);
const RELEASE_CHECK_WAIT_MAX: std::time::Duration = std::time::Duration::from_mins(5);

impl ReleaseCheckSpec {
    /// A check of this platform with a group at random.
    pub fn new(component: ComponentId) -> Self {
        Self { component, group: None, wait: None }
    }

    /// The group, if one is named, and the time to wait.
    pub(crate) fn checked(&self, groups: usize) -> Result<(Option<usize>, std::time::Duration), OrderError> {
        if self.group.is_some_and(|group| !(1..=groups).contains(&group)) {
            return Err(OrderError::Invalid(format!("the groups of test accounts are 1 to {groups}")));
        }
        let wait = self.wait.map_or(RELEASE_CHECK_WAIT, |wait| wait.0);
        if wait > RELEASE_CHECK_WAIT_MAX {
            return Err(OrderError::Invalid("wait is at most 5m".to_owned()));
        }
        Ok((self.group, wait))
    }
}
