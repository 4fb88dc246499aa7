//! The event log: how it is read, how decisions are recorded, what is sealed, where it ends.

pub(crate) mod fold;
mod head;
pub(crate) mod record;
pub(crate) mod time;
pub(crate) mod vault;
