//! The log as a feed: pages, with or without waiting, and a stream of server-sent events.

mod page;
mod stream;

pub(crate) use page::page;
pub(crate) use stream::{Streams, stream};
