//! Sealing: AES-256-GCM under random data keys, which are wrapped by the master key ring.
//!
//! A data key belongs to one stream and has a number there. Destroying its wrapped form erases what it sealed, wherever
//! copies of the log are. The associated data binds a sealed text to its place, so that rows cannot be swapped.

use std::{fmt, str::FromStr};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD as BASE64, URL_SAFE_NO_PAD as BASE64_URL},
};
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{Field, InvalidId, Secret, StreamName};

/// A random 96-bit nonce; never use one twice under one key.
pub type NonceBytes = [u8; 12];

/// Why a sealed text could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The wrapping master key is not in the ring.
    #[error("no master key with id {0:?} is configured; add it to [seal] keys")]
    UnknownMasterKey(String),
    /// Wrong key, changed bytes or another place than the one it was sealed for.
    #[error("a sealed value does not open: it was changed, moved or sealed under another key")]
    DoesNotOpen,
}

/// The place a text is sealed for.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The stream whose data key seals.
    pub stream: &'a StreamName,
    /// Version of the event in its stream, or the generation of a row that is no event.
    pub version: u64,
    /// Type of the event, or of the row.
    pub kind: &'a str,
    /// Name of the field.
    pub field: &'a str,
    /// Version of the stored form.
    pub form: u16,
}

impl Place<'_> {
    fn aad(&self) -> Aad<Vec<u8>> {
        let mut bytes = Vec::with_capacity(96);
        for part in [self.stream.to_string().as_str(), self.kind, self.field] {
            bytes.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes.extend_from_slice(&self.version.to_be_bytes());
        bytes.extend_from_slice(&self.form.to_be_bytes());
        Aad::from(bytes)
    }
}

/// A sealed text: the number of the data key, then nonce, ciphertext and tag. As text: `{number}.{base64}`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SealedText {
    /// Number of the data key in its stream.
    pub key: u32,
    bytes: Vec<u8>,
}

impl fmt::Display for SealedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.key, BASE64.encode(&self.bytes))
    }
}

impl fmt::Debug for SealedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedText(key {})", self.key)
    }
}

impl FromStr for SealedText {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = InvalidId { kind: "sealed text", reason: "it must be a key number, a dot and base64" };
        let (key, bytes) = text.split_once('.').ok_or(invalid.clone())?;
        Ok(Self {
            key: key.parse().map_err(|_| invalid.clone())?,
            bytes: BASE64.decode(bytes).map_err(|_| invalid)?,
        })
    }
}

impl TryFrom<String> for SealedText {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<SealedText> for String {
    fn from(sealed: SealedText) -> Self {
        sealed.to_string()
    }
}

/// A sealed field of an event as state keeps it: with what its place needs beside the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedAt {
    /// Version of the event that carries it.
    pub version: u64,
    /// That event's type name.
    pub kind: String,
    /// That event's stored form.
    pub form: u16,
    /// The field of the event.
    pub field: Field,
    /// The sealed text.
    pub text: SealedText,
}

impl SealedAt {
    /// The place it was sealed for.
    pub fn place<'a>(&'a self, stream: &'a StreamName) -> Place<'a> {
        Place { stream, version: self.version, kind: &self.kind, field: self.field.as_str(), form: self.form }
    }
}

/// A data key in use. Cheap to keep, never stored as it is.
pub struct DataKey {
    number: u32,
    key: LessSafeKey,
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({})", self.number)
    }
}

impl DataKey {
    /// A data key from 32 random bytes.
    pub fn new(number: u32, bytes: &[u8; 32]) -> Self {
        Self { number, key: aes_key(bytes) }
    }

    /// Its number in the stream.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Seals `text` for one place.
    pub fn seal(&self, place: Place<'_>, text: &Secret, nonce: NonceBytes) -> SealedText {
        SealedText {
            key: self.number,
            bytes: encrypt(&self.key, place.aad(), text.expose().as_bytes(), nonce),
        }
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    ///
    /// [`SealError::DoesNotOpen`].
    pub fn open(&self, place: Place<'_>, sealed: &SealedText) -> Result<Secret, SealError> {
        let bytes = decrypt(&self.key, place.aad(), &sealed.bytes)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| SealError::DoesNotOpen)?;
        Ok(Secret::new(text))
    }
}

/// A data key as stored: wrapped by a master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its number there.
    pub number: u32,
    /// The master key that wraps it.
    pub master: String,
    /// Nonce, ciphertext and tag.
    pub bytes: Vec<u8>,
}

/// The master keys: the first wraps, all unwrap.
pub struct MasterKeys(Vec<(String, LessSafeKey)>);

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(id, _)| id)).finish()
    }
}

impl MasterKeys {
    /// A ring from ids and keys, the wrapping one first. `None` if there is none.
    pub fn new<'a>(keys: impl IntoIterator<Item = (&'a str, &'a [u8; 32])>) -> Option<Self> {
        let keys: Vec<_> = keys.into_iter().map(|(id, key)| (id.to_owned(), aes_key(key))).collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// Wraps a new data key.
    pub fn wrap(&self, stream: &StreamName, number: u32, key: &[u8; 32], nonce: NonceBytes) -> WrappedKey {
        let (id, master) = &self.0[0];
        WrappedKey {
            stream: stream.clone(),
            number,
            master: id.clone(),
            bytes: encrypt(master, wrap_aad(stream, number), key, nonce),
        }
    }

    /// The id of the key that wraps.
    pub fn first(&self) -> &str {
        &self.0[0].0
    }

    /// The ids of all keys, the wrapping one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(id, _)| id.as_str())
    }

    /// The same data key, wrapped by the first master key.
    ///
    /// # Errors
    ///
    /// As [`MasterKeys::unwrap`].
    pub fn rewrap(&self, wrapped: &WrappedKey, nonce: NonceBytes) -> Result<WrappedKey, SealError> {
        Ok(self.wrap(&wrapped.stream, wrapped.number, &*self.raw(wrapped)?, nonce))
    }

    /// Unwraps a stored data key.
    ///
    /// # Errors
    ///
    /// - [`SealError::UnknownMasterKey`]: the ring lacks the key that wrapped it.
    /// - [`SealError::DoesNotOpen`]: the row was changed or moved.
    pub fn unwrap(&self, wrapped: &WrappedKey) -> Result<DataKey, SealError> {
        Ok(DataKey::new(wrapped.number, &*self.raw(wrapped)?))
    }

    /// Seals the id of a visit to a consent page, for an address that its browser brings back.
    pub fn seal_state(&self, visit: Uuid, nonce: NonceBytes) -> String {
        BASE64_URL.encode(encrypt(&self.0[0].1, state_aad(), visit.as_bytes(), nonce))
    }

    /// The id in a state of ours; `None` for what we have not sealed.
    pub fn open_state(&self, state: &str) -> Option<Uuid> {
        let sealed = BASE64_URL.decode(state).ok()?;
        let opened = self.0.iter().find_map(|(_, key)| decrypt(key, state_aad(), &sealed).ok())?;
        Uuid::from_slice(&opened).ok()
    }

    fn raw(&self, wrapped: &WrappedKey) -> Result<Zeroizing<[u8; 32]>, SealError> {
        let (_, master) = self
            .0
            .iter()
            .find(|(id, _)| *id == wrapped.master)
            .ok_or_else(|| SealError::UnknownMasterKey(wrapped.master.clone()))?;
        let bytes = decrypt(master, wrap_aad(&wrapped.stream, wrapped.number), &wrapped.bytes)?;
        let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| SealError::DoesNotOpen)?;
        Ok(Zeroizing::new(*bytes))
    }
}

fn wrap_aad(stream: &StreamName, number: u32) -> Aad<Vec<u8>> {
    Aad::from(format!("data_key\n{stream}\n{number}").into_bytes())
}

fn state_aad() -> Aad<Vec<u8>> {
    Aad::from(b"consent state".to_vec())
}

fn aes_key(bytes: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&aead::AES_256_GCM, bytes).expect("AES-256 takes 32 bytes"))
}

fn encrypt(key: &LessSafeKey, aad: Aad<Vec<u8>>, text: &[u8], nonce: NonceBytes) -> Vec<u8> {
    let mut sealed = Zeroizing::new(text.to_vec());
    let tag = key
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, sealed.as_mut_slice())
        .expect("texts are far below AES-GCM's limit of 64 GiB");
    [nonce.as_slice(), sealed.as_slice(), tag.as_ref()].concat()
}

fn decrypt(key: &LessSafeKey, aad: Aad<Vec<u8>>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (nonce, sealed) = sealed.split_first_chunk::<12>().ok_or(SealError::DoesNotOpen)?;
    let mut bytes = Zeroizing::new(sealed.to_vec());
    let length = key
        .open_in_place(Nonce::assume_unique_for_key(*nonce), aad, bytes.as_mut_slice())
        .map_err(|_| SealError::DoesNotOpen)?
        .len();
    bytes.truncate(length);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> StreamName {
        "authorizer/wx1f2e3d4c5b6a7988/wxa0b1c2d3e4f50617".parse().expect("valid")
    }

    fn place(stream: &StreamName) -> Place<'_> {
        Place { stream, version: 3, kind: "credentials.issued", field: "refresh_token", form: 1 }
    }

    #[test]
    fn a_sealed_text_opens_at_its_place_and_nowhere_else() {
        let (key, stream) = (DataKey::new(1, &[7; 32]), stream());
        let other = StreamName::Component("wx1f2e3d4c5b6a7988".parse().expect("valid"));
        let sealed = key.seal(place(&stream), &Secret::new("refreshtoken@@@x"), [1; 12]);
        let sealed: SealedText = sealed.to_string().parse().expect("own form");
        assert_eq!(key.open(place(&stream), &sealed), Ok(Secret::new("refreshtoken@@@x")));
        for wrong in [
            Place { stream: &other, ..place(&stream) },
            Place { version: 4, ..place(&stream) },
            Place { kind: "credentials.rotated", ..place(&stream) },
            Place { field: "ticket", ..place(&stream) },
            Place { form: 2, ..place(&stream) },
        ] {
            assert_eq!(key.open(wrong, &sealed), Err(SealError::DoesNotOpen));
        }
        assert_eq!(DataKey::new(1, &[8; 32]).open(place(&stream), &sealed), Err(SealError::DoesNotOpen));
    }

    #[test]
    fn the_first_master_key_wraps_and_all_unwrap() {
        let stream = stream();
        let old = MasterKeys::new([("old", &[1; 32])]).expect("one key");
        let wrapped = old.wrap(&stream, 1, &[9; 32], [2; 12]);
        let ring = MasterKeys::new([("new", &[2; 32]), ("old", &[1; 32])]).expect("two keys");
        let key = ring.unwrap(&wrapped).expect("still in the ring");
        let sealed = key.seal(place(&stream), &Secret::new("x"), [3; 12]);
        assert_eq!(DataKey::new(1, &[9; 32]).open(place(&stream), &sealed), Ok(Secret::new("x")));
        assert_eq!(ring.wrap(&stream, 1, &[9; 32], [2; 12]).master, "new");
        let without = MasterKeys::new([("new", &[2; 32])]).expect("one key");
        assert_eq!(without.unwrap(&wrapped).unwrap_err(), SealError::UnknownMasterKey("old".into()));
        let rewrapped = ring.rewrap(&wrapped, [4; 12]).expect("still in the ring");
        assert_eq!((rewrapped.master.as_str(), rewrapped.number), ("new", 1));
        let key = without.unwrap(&rewrapped).expect("the old one is no longer needed");
        assert_eq!(key.open(place(&stream), &sealed), Ok(Secret::new("x")), "it is the same data key");
        let moved = WrappedKey { number: 2, ..wrapped };
        assert_eq!(ring.unwrap(&moved).unwrap_err(), SealError::DoesNotOpen);
    }

    #[test]
    fn a_state_opens_under_any_master_key_of_the_ring_and_only_as_it_was_sealed() {
        let (visit, old) = (Uuid::from_u128(7), MasterKeys::new([("old", &[1; 32])]).expect("one key"));
        let state = old.seal_state(visit, [2; 12]);
        let ring = MasterKeys::new([("new", &[2; 32]), ("old", &[1; 32])]).expect("two keys");
        assert_eq!(ring.open_state(&state), Some(visit));
        let other = MasterKeys::new([("other", &[3; 32])]).expect("one key");
        assert_eq!(other.open_state(&state), None);
        for at in 0..state.len() {
            let mut forged = state.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(ring.open_state(std::str::from_utf8(&forged).expect("ASCII")), None, "byte {at}");
        }
        for bad in ["", "x", "AAAA", &state[1..]] {
            assert_eq!(ring.open_state(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_wrong_length_does_not_panic() {
        let key = DataKey::new(1, &[7; 32]);
        for bytes in [vec![], vec![1; 5], vec![1; 12], vec![1; 27]] {
            let sealed = SealedText { key: 1, bytes };
            assert_eq!(key.open(place(&stream()), &sealed), Err(SealError::DoesNotOpen));
        }
    }
}
