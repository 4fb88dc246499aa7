//! The encrypted envelope of a push, from query and body to plaintext, and back for a passive reply.
//!
//! ```text
//! CallbackQuery::parse ─► KeyRing::open ─► Opened { plaintext, pair } ─► callback or message
//!                                             └─► KeyRing::seal_reply
//! ```
//!
//! The checks run in one fixed order and nothing is decrypted before the signature has matched. To the network all
//! failures must look the same: [`EnvelopeError`] is for logs and metrics.

mod bare;
pub mod cipher;
mod error;
mod key;
mod outer;
mod query;
mod ring;

pub use cipher::Plaintext;
pub use error::{CipherError, EnvelopeError, KeyRingError};
pub use key::EncodingAesKey;
pub use query::CallbackQuery;
pub use ring::{KeyRing, NobodyOpens, Opened, Pair, open_shared};
