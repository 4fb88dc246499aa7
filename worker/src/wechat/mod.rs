//! `WeChat`'s component API: the client and its circuit breakers.

pub(crate) mod breaker;
pub mod client;
pub(crate) mod error;
pub(crate) mod retry;

/// This authorizer does not authorize this component (or no longer).
pub(crate) const NOT_AUTHORIZED: i64 = 61003;
