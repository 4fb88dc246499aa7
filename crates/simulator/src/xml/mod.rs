//! The little XML that `WeChat` writes, and the still smaller part that this side has to read.

mod fields;
mod read;
mod write;

pub(crate) use fields::elements;
pub(crate) use read::child_text;
pub(crate) use write::{Content, Element, document, envelope};
