//! Why something does not work now, told once for each new reason.

use std::fmt::Display;

/// The reason that was told last.
#[derive(Default)]
pub(crate) struct Reason(String);

impl Reason {
    /// Whether this is another reason than the last one.
    pub(crate) fn is_new(&mut self, reason: &impl Display) -> bool {
        let last = std::mem::replace(&mut self.0, reason.to_string());
        last != self.0
    }

    /// It works again: whatever comes next is told.
    pub(crate) fn is_over(&mut self) {
        self.0.clear();
    }
}
