//! Pushes to the callback URLs: what they say, how they are sealed (or forged), how they are sent, what came back.

mod client;
mod compose;
mod deliver;
mod dirt;
mod draft;
mod forge;
mod judge;
mod records;
mod schedule;
mod seal;

pub(crate) use client::{Client, build as build_client};
pub use dirt::{Dirt, Form};
pub(crate) use draft::{Draft, InfoType, Route};
pub use forge::Forge;
pub(crate) use records::Pushes;
pub use records::{Delivery, PushOutcome, PushRecord, PushState};
pub use schedule::Hold;
pub(crate) use schedule::Schedule;
