//! Tasks: calls to `WeChat` that follow from what the log says. Claimed with a lease, run without a transaction, finished
//! by the append of their outcome.

mod conclude;
mod failure;
mod inspect;
pub(crate) mod list;
mod outcome;
mod redeem;
mod release_reply;
mod run;
mod under_way;

use mandate_schema::{AuthorizerId, ComponentId, StreamName};

pub(crate) use failure::{Failure, NO_TICKET, STOPPING};
#[cfg(test)]
pub(crate) use outcome::{End, Outcome};
pub(crate) use run::TaskRunner;
#[cfg(test)]
pub(crate) use under_way::UnderWay;

/// The authorizer that a task is about.
struct Subject {
    component: ComponentId,
    authorizer: AuthorizerId,
}

impl Subject {
    fn stream(&self) -> StreamName {
        StreamName::Authorizer(self.component.clone(), self.authorizer.clone())
    }
}
