//! What callbacks and answers mean: pure decisions and pure folds, without clock, storage or network.
//!
//! `decide_*` turns a state and an input into events and tasks; `evolve` folds recorded events into state.

mod authorizer;
mod callback;
mod component;
mod decision;
mod erasure;
mod inspection;
mod listed;
mod order;
mod redemption;
mod since;

pub use authorizer::{AUTHORIZER_FORM, Authorizer, Fact, FactKind, Redemption, Status};
pub use callback::{
    AboutCode, decide_authorizer_callback, decide_component_callback, decide_release_text, stream_of,
};
pub use component::{COMPONENT_FORM, Component, Ticket};
pub use decision::{AccessToken, Because, Decision, NewEvent, Recorded, Redeem, Task};
pub use erasure::{StillHeld, decide_erasure};
pub use inspection::{AuthorizerInfo, Inspected, Inspection, Question, RedeemTask, Times, decide_inspected};
pub use listed::{Compared, Listed, decide_listed};
pub use order::TOLERANCE;
pub use redemption::{Redeemed, decide_redeemed, decide_redemption_refused, decide_refreshed};
pub use since::Since;

#[cfg(test)]
mod tests;

/// `WeChat`'s refusal, as it is recorded.
pub use mandate_wechat::api::Refusal;
