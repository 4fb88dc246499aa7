//! `WeChat`'s side of the callback envelope: AES-256-CBC, padding to 32, two SHA-1 signatures.
//!
//! Written apart from the code that it tests, so that one mistake cannot cancel another.

mod cbc;
mod key;
mod packet;
mod signature;
#[cfg(test)]
mod vectors;

pub(crate) use cbc::encrypt as encrypt_blocks;
pub(crate) use key::{AesKey, KeyError};
pub(crate) use packet::{decrypt, encrypt, lay_out, pad};
pub(crate) use signature::sign;

use mandate_schema::Secret;

/// A message-check token with the key that goes with it: what the platform's console calls one configuration.
#[derive(Clone)]
pub(crate) struct Pair {
    /// Enters both signatures.
    pub(crate) token: Secret,
    /// Encrypts every push and reply.
    pub(crate) key: AesKey,
}

impl Pair {
    /// Reads a pair as it is configured.
    pub(crate) fn parse(token: &Secret, encoding_aes_key: &Secret) -> Result<Self, KeyError> {
        Ok(Self { token: token.clone(), key: AesKey::parse(encoding_aes_key.expose())? })
    }

    /// The plain signature: it does not cover the body.
    pub(crate) fn signature(&self, timestamp: &str, nonce: &str) -> String {
        sign(&[self.token.expose(), timestamp, nonce])
    }

    /// The signature over the ciphertext.
    pub(crate) fn msg_signature(&self, timestamp: &str, nonce: &str, encrypted: &str) -> String {
        sign(&[self.token.expose(), timestamp, nonce, encrypted])
    }
}
