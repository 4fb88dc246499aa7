//! The tree that a push becomes, whether it came as XML or as JSON, and the limits that hold for both.

mod element;

pub use element::Element;

/// Deepest nesting that is read; the root has depth 1. Real pushes have 3.
pub const MAX_DEPTH: usize = 16;
/// Most elements that are read, the root included. Real pushes have a few dozen.
pub const MAX_ELEMENTS: usize = 1000;
/// Longest name of an element, in bytes. Real ones have up to 30.
pub const MAX_NAME_BYTES: usize = 256;
/// What the paths of all elements may have together, in bytes: a long name around many elements would repeat in each of them.
pub const MAX_PATH_BYTES: usize = 128 << 10;

/// Why a text is no tree that we accept. It never quotes the text, which may hold secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Not XML or JSON, or not well-formed.
    #[error("not well-formed")]
    NotWellFormed,
    /// It ends before the root does, or there is no root.
    #[error("it ends early")]
    Truncated,
    /// It has a DOCTYPE.
    #[error("a DOCTYPE is not allowed")]
    Doctype,
    /// It has a processing instruction other than the declaration at its start.
    #[error("a processing instruction is not allowed")]
    ProcessingInstruction,
    /// It refers to an entity that XML itself does not define.
    #[error("an unknown entity")]
    UnknownEntity,
    /// See [`MAX_DEPTH`].
    #[error("nested too deep")]
    TooDeep,
    /// See [`MAX_ELEMENTS`].
    #[error("too many elements")]
    TooManyElements,
    /// See [`MAX_NAME_BYTES`].
    #[error("a name is too long")]
    NameTooLong,
    /// See [`MAX_PATH_BYTES`].
    #[error("the names are too long together")]
    PathsTooLong,
}

/// Where an element stands: how deep, and how long the path to it is in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    depth: usize,
    path: usize,
}

/// What a reader has used of the limits so far.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    elements: usize,
    path_bytes: usize,
}

impl Budget {
    /// Admits one more element of this name inside `parent` (for the root: the default place), and says where it stands.
    pub(crate) fn admit(&mut self, parent: Place, name: &str) -> Result<Place, TreeError> {
        if name.len() > MAX_NAME_BYTES {
            return Err(TreeError::NameTooLong);
        }
        let place = parent.inside(name)?;
        self.elements += 1;
        self.path_bytes += place.path;
        if self.elements > MAX_ELEMENTS {
            return Err(TreeError::TooManyElements);
        }
        if self.path_bytes > MAX_PATH_BYTES {
            return Err(TreeError::PathsTooLong);
        }
        Ok(place)
    }
}

impl Place {
    /// The place of a child of this name. The root is no part of a path.
    fn inside(self, name: &str) -> Result<Self, TreeError> {
        if self.depth == MAX_DEPTH {
            return Err(TreeError::TooDeep);
        }
        let path = if self.depth == 0 { 0 } else { self.path + 1 + name.len() };
        Ok(Self { depth: self.depth + 1, path })
    }
}
