//! `WeChat`'s component API: calls with retries and circuit breakers, and its list of authorizers.

pub(crate) mod breaker;
pub(crate) mod call;
pub mod client;
pub(crate) mod list;
