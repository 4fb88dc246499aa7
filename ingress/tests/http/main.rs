//! `WeChat`'s door over real ports.

mod body;
mod dirty;
mod door;
mod kill;
mod replies;
mod support;
