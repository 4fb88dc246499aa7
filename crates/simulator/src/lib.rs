//! `WeChat`'s side of a third-party platform, as a server: the component API, the pushes, and every fault that a client
//! must survive.
//!
//! [`start`] serves it over HTTP: `/cgi-bin/component/*` imitates `api.weixin.qq.com`, `/_control/*` (JSON, loopback
//! only) plays merchants, moves the clock and breaks things; `GET /` lists the calls. [`Simulator`] has the same
//! operations as methods. Its cipher and its state are its own, so that a mistake in the code under test cannot
//! hide behind the same mistake here.

mod api;
mod consent;
mod control;
mod envelope;
mod error;
mod http;
mod orders;
mod push;
mod release_check;
mod server;
mod settings;
mod simulator;
mod state;
mod switches;
#[cfg(test)]
mod tests;
mod time;
mod xml;

pub use api::{FaultKind, FaultRecord};
pub use control::{AuthorizerOutcome, SealedPush};
pub use error::{Error, OrderError};
pub use orders::{
    AuthorizerSpec, ClockSpec, CrowdSpec, FaultSpec, KeysSpec, PushSpec, ReleaseCheckSpec, ReleaseOrder,
    ReleaseSpec,
};
pub use push::{Delivery, Dirt, Forge, Form, Hold, PushOutcome, PushRecord, PushState};
pub use release_check::{Exchange, ReleaseCheckItem, ReleaseCheckReport};
pub use server::{Handle, start};
pub use settings::{Settings, SimComponent};
pub use simulator::Simulator;
pub use state::{
    AccountKind, AccountSnapshot, Act, AuthorizerSnapshot, CallRecord, ComponentSnapshot, IssuedSecret,
    SecretKind, SentMessage, Snapshot, SnapshotFilter, TokenSnapshot,
};
pub use switches::*;
pub use time::Span;
