//! What can be wrong with an envelope, and with the keys that should open it.

/// Why a ciphertext could not be opened. The order is the order of the checks.
///
/// Never tell the network which one it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// The text is not standard, padded, canonical base64.
    #[error("the ciphertext is not base64")]
    BadBase64,
    /// Nothing, or not a multiple of 16 bytes.
    #[error("the ciphertext is not whole AES blocks")]
    BadBlockLength,
    /// The last byte is not 1 to 32, or larger than the data, or not all padding bytes equal it.
    #[error("the padding is wrong")]
    BadPadding,
    /// Fewer bytes than random prefix and length.
    #[error("the plaintext is too short")]
    TooShort,
    /// The length reaches past the end.
    #[error("the length is wrong")]
    BadLength,
    /// What follows the message is not the expected appid.
    #[error("the appid behind the message is another one")]
    WrongAppId,
}

impl CipherError {
    /// The name in logs, metrics and test vectors.
    pub fn kind(self) -> &'static str {
        match self {
            Self::BadBase64 => "bad_base64",
            Self::BadBlockLength => "bad_block_length",
            Self::BadPadding => "bad_padding",
            Self::TooShort => "too_short",
            Self::BadLength => "bad_length",
            Self::WrongAppId => "wrong_appid",
        }
    }
}

/// Why a push was refused. Every one of them gets the same answer: 403 with an empty body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// This query parameter is absent or empty.
    #[error("the query parameter {0} is missing")]
    MissingParameter(&'static str),
    /// `encrypt_type` is not `aes`: an unencrypted push, which a component never gets.
    #[error("the push is not encrypted")]
    NotEncrypted,
    /// Found when the configuration is read, never by a push: see [`super::EncodingAesKey::parse`].
    #[error("the EncodingAESKey is not 43 characters of base64")]
    BadKey,
    /// The body is neither well-formed XML nor JSON, carries a DOCTYPE, or has more than one Encrypt.
    #[error("the envelope is malformed")]
    MalformedEnvelope,
    /// There is no Encrypt element, or an empty one.
    #[error("the envelope has no ciphertext")]
    MissingEncrypt,
    /// No token of the ring gives this `msg_signature`.
    #[error("the signature is wrong")]
    BadSignature,
    /// See [`CipherError::BadBase64`].
    #[error("the ciphertext is not base64")]
    BadBase64,
    /// See [`CipherError::BadBlockLength`].
    #[error("the ciphertext is not whole AES blocks")]
    BadBlockLength,
    /// See [`CipherError::BadPadding`].
    #[error("the padding is wrong")]
    BadPadding,
    /// See [`CipherError::TooShort`].
    #[error("the plaintext is too short")]
    TooShort,
    /// See [`CipherError::BadLength`].
    #[error("the length is wrong")]
    BadLength,
    /// See [`CipherError::WrongAppId`].
    #[error("the appid behind the message is not the component's")]
    WrongAppId,
    /// A token matched, but none of several keys fits.
    #[error("no key opens the ciphertext")]
    DecryptFailed {
        /// What each key came to, in the order of the ring's keys.
        per_key: Vec<CipherError>,
    },
}

impl EnvelopeError {
    /// The name in logs, metrics and test vectors.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MissingParameter(_) => "missing_parameter",
            Self::NotEncrypted => "not_encrypted",
            Self::BadKey => "bad_key",
            Self::MalformedEnvelope => "malformed_envelope",
            Self::MissingEncrypt => "missing_encrypt",
            Self::BadSignature => "bad_signature",
            Self::BadBase64 => "bad_base64",
            Self::BadBlockLength => "bad_block_length",
            Self::BadPadding => "bad_padding",
            Self::TooShort => "too_short",
            Self::BadLength => "bad_length",
            Self::WrongAppId => "wrong_appid",
            Self::DecryptFailed { .. } => "decrypt_failed",
        }
    }
}

impl From<CipherError> for EnvelopeError {
    fn from(error: CipherError) -> Self {
        match error {
            CipherError::BadBase64 => Self::BadBase64,
            CipherError::BadBlockLength => Self::BadBlockLength,
            CipherError::BadPadding => Self::BadPadding,
            CipherError::TooShort => Self::TooShort,
            CipherError::BadLength => Self::BadLength,
            CipherError::WrongAppId => Self::WrongAppId,
        }
    }
}

/// A configuration from which no ring can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// A message-check token is empty, so that anybody could sign.
    #[error("the token is empty")]
    EmptyToken,
    /// There is no pair at all.
    #[error("there is no pair of token and key")]
    NoPairs,
}
