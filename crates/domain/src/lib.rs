//! What callbacks and answers mean: pure decisions and pure folds, without clock, storage or network.
//!
//! `decide_*` turns a state and an input into events and tasks; `evolve` folds recorded events into state.

mod answer;
mod authorizer;
mod callback;
mod component;
mod decision;
mod erasure;
mod listed;

pub use answer::{
    AccountInfo, InfoRefusal, Redeemed, Renewed, Since, decide_confirmed, decide_gone, decide_profile,
    decide_redeemed, decide_redemption_refused, decide_refreshed, decide_rejected, decide_renewed,
    decide_unrecoverable,
};
pub use authorizer::{AUTHORIZER_FORM, Authorizer, Fact, FactKind, Status};
pub use callback::{
    AboutCode, decide_authorizer_callback, decide_component_callback, decide_release_text, stream_of,
};
pub use component::{COMPONENT_FORM, Component, Ticket};
pub use decision::{AccessToken, Decision, NewEvent, Recorded, Redeem, Task};
pub use erasure::{StillHeld, decide_erasure};
pub use listed::{Compared, Listed, decide_listed};

#[cfg(test)]
mod tests;

/// `WeChat`'s refusal, as it is recorded.
pub use mandate_wechat::api::Refusal;
