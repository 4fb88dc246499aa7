//! The wire between `WeChat` and a third-party platform: everything that has a form fixed by `WeChat`, and nothing else.
//!
//! * [`envelope`]: opens an encrypted push and seals a passive reply; on [`signature`] and [`cipher`].
//! * [`callback`], [`message`]: what the opened text says, read from [`xml`]; [`reply`]: what is said back.
//! * [`api`]: the component APIs, their requests and their answers.
//! * [`errors`]: what each error number means, and whether to call again.
//!
//! Pure: no async, no clock, no environment, no files. Random bytes and times are arguments.

pub mod api;
pub mod callback;
pub mod cipher;
pub mod envelope;
pub mod errors;
mod key;
pub mod message;
pub mod release_check;
pub mod reply;
pub mod signature;
pub mod xml;
