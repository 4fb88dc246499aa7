//! `WeChat`'s door over real ports.

mod body;
mod door;
mod support;
