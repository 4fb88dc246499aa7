//! What can go wrong with the simulator itself (not what it answers in `WeChat`'s name).

use std::io;

use mandate_schema::{AuthorizerId, ComponentId};

/// The simulator could not start, or stopped by itself. None of these heals by trying again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings are wrong; every problem in one go, without secret values.
    #[error("the simulator's settings are wrong: {}", .0.join("; "))]
    Settings(Vec<String>),
    /// The HTTP client for pushes could not be built.
    #[error("no HTTP client for pushes: {0}")]
    Client(#[source] reqwest::Error),
    /// The listener could not be served.
    #[error("the simulator cannot serve its listener: {0}")]
    Listen(#[source] io::Error),
}

/// Why an order to the simulator was refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// No such component in the settings.
    #[error("component {0} is not in the simulator's settings")]
    UnknownComponent(ComponentId),
    /// No such merchant; `act: create` or `authorize` makes one.
    #[error("there is no merchant account {0}; create or authorize it first")]
    UnknownAuthorizer(AuthorizerId),
    /// `act: create` for a merchant that is there.
    #[error("merchant account {0} exists already")]
    AlreadyExists(AuthorizerId),
    /// `act: update` or `revoke` for a merchant that does not authorize the component now.
    #[error("merchant account {authorizer} does not authorize {component} now")]
    NotAuthorized {
        /// The component.
        component: ComponentId,
        /// The merchant.
        authorizer: AuthorizerId,
    },
    /// No held push of this number.
    #[error("no push {0} is held")]
    NotHeld(u64),
    /// A value or a combination that makes no sense.
    #[error("{0}")]
    Invalid(String),
}
