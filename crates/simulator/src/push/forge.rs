//! Pushes that `WeChat` would never send.

use serde::{Deserialize, Serialize};

/// What is wrong with a forged push. All of them must be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forge {
    /// `msg_signature` with another last digit.
    WrongSignature,
    /// `msg_signature` is the plain signature, which does not cover the body.
    PlainSignature,
    /// No `msg_signature`.
    NoSignature,
    /// Signed with another token.
    WrongToken,
    /// Signed with an empty token.
    EmptyToken,
    /// The signature of another ciphertext.
    OtherBody,
    /// Encrypted under another key, signed well.
    WrongKey,
    /// Sealed for another appid (the account's, if there is one), signed well.
    WrongAppid,
    /// Padding that no encoder writes, signed well.
    BadPadding,
    /// Its last cipher block is missing, signed well.
    CutCiphertext,
    /// `encrypt_type=raw` on an otherwise good push.
    WrongEncryptType,
    /// The bare document, with a good plain signature.
    Unencrypted,
    /// An envelope without `Encrypt`.
    NoEncrypt,
    /// An envelope with two `Encrypt` elements.
    TwoEncrypts,
    /// A good envelope behind a DOCTYPE.
    Doctype,
    /// Not XML at all.
    NotXml,
    /// A good envelope in a body of 2 MiB.
    Oversized,
}
