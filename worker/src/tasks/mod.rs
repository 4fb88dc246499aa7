//! Tasks: calls to `WeChat` that follow from what the log says. Claimed with a lease, run without a transaction, finished
//! by the append of their outcome.

mod account;
mod failure;
pub(crate) mod payload;
mod redeem;
mod release_reply;
mod renew;
mod run;

pub(crate) use account::NOT_AUTHORIZED;
pub(crate) use failure::{Failure, NO_TICKET, wait_after};
pub(crate) use payload::UnreadableTask;
#[cfg(test)]
pub(crate) use run::End;
pub use run::TaskRunner;
