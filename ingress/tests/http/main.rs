//! `WeChat`'s door over real ports.

mod body;
mod dirty;
mod door;
mod kill;
mod replays;
mod replies;
mod support;
