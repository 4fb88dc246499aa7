//! Listeners over real sockets.

mod admin;
mod requests;
