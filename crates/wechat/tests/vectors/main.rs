//! The published and generated crypto vectors, file by file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod crypto;
mod events;
mod expected;
mod negative;
mod rotation;
mod support;
