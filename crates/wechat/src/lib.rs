//! The wire between `WeChat` and a third-party platform: everything that has a form fixed by `WeChat`, and nothing else.
//!
//! * [`push`]: opens an encrypted push, names it and reads it, in one step; on [`envelope`] and [`signature`].
//! * [`callback`], [`message`]: what the opened text says, read from a [`tree`] whatever its [`form`] is; [`reply`]: what is
//!   said back.
//! * [`api`]: the component APIs, their requests and their answers.
//! * [`errors`]: what each error number means, and whether to call again.
//!
//! Pure: no async, no clock, no environment, no files. Random bytes and times are arguments.

pub mod api;
pub mod callback;
pub mod envelope;
pub mod errors;
pub mod form;
mod json;
pub mod message;
pub mod push;
pub mod release_check;
pub mod reply;
pub mod signature;
pub mod text;
pub mod tree;
pub mod xml;
