//! `[seal]`: the master keys, under which the keys of stored secrets are wrapped.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use super::{report::Origin, section::Section};

/// `[seal]`.
#[derive(Clone, Debug)]
pub struct Seal {
    /// The key ring: the first key wraps, all of them unwrap. Their ids are distinct.
    pub keys: Vec<SealKey>,
}

/// A master key. `Debug` shows its id only.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey {
    /// Names the key in everything it wrapped: 1 to 64 letters, digits, `-`, `_` or `.`.
    pub id: String,
    key: Zeroizing<[u8; 32]>,
}

impl SealKey {
    /// A key of 32 bytes under a name.
    pub fn new(id: impl Into<String>, key: [u8; 32]) -> Self {
        Self { id: id.into(), key: Zeroizing::new(key) }
    }

    /// The key itself. Call it only where it is handed to the cipher.
    pub fn expose(&self) -> &[u8; 32] {
        &self.key
    }

    /// Whether a text can be the id of a key.
    pub fn is_id(id: &str) -> bool {
        let in_id = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        (1..=64).contains(&id.len()) && id.bytes().all(in_id)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let bad = "must be ID:BASE64 with 32 bytes in base64; `mandate keygen` makes one";
        let (id, encoded) = text.split_once(':').ok_or(bad)?;
        if !Self::is_id(id) {
            return Err(
                "must have an id of 1 to 64 letters, digits, '-', '_' or '.' before the ':'".to_owned()
            );
        }
        let decoded = BASE64_STANDARD.decode(encoded).map(Zeroizing::new).map_err(|_| bad)?;
        let key = Zeroizing::new(<[u8; 32]>::try_from(decoded.as_slice()).map_err(|_| bad)?);
        Ok(Self { id: id.to_owned(), key })
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Seal {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let keys = section.secret_list("keys", SealKey::parse);
        let repeated =
            keys.iter().enumerate().any(|(at, key)| keys[..at].iter().any(|other| other.id == key.id));
        if repeated {
            let source: Origin = section.report.origin_of("seal.keys");
            section.problem("keys", &source, "must have distinct ids: each names one key for ever");
        }
        section.finish();
        Self { keys }
    }
}
