//! The cipher of the envelope: AES-256-CBC over `random(16) ‖ length(4, big-endian) ‖ message ‖ appid ‖ padding`.
//!
//! The key's first half is the IV, always. The padding is PKCS#7 with a block size of **32**, twice that of AES, so the
//! ready-made unpadders refuse about half of all pushes. The ciphertext is not authenticated: check
//! [`crate::signature`] first.

use std::fmt;

use aes::Aes256;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::NoPadding};
use zeroize::Zeroizing;

use super::{CipherError, EncodingAesKey};

const AES_BLOCK: usize = 16;
const PADDING_BLOCK: usize = 32;
/// Random bytes and length before the message.
const HEAD: usize = 20;

/// A decrypted message. It holds tickets and codes, so it is a secret as a whole; wiped from memory on drop. Any bytes: a user can
/// write what is no text.
#[derive(Clone, PartialEq, Eq)]
pub struct Plaintext(Zeroizing<Vec<u8>>);

impl Plaintext {
    /// The message itself.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext(…)")
    }
}

/// Decrypts a base64 ciphertext and returns the message, if it was meant for `app_id`: the component's on both URLs.
///
/// # Errors
///
/// [`CipherError`], the first check that fails.
pub fn decrypt(key: &EncodingAesKey, app_id: &str, base64: &str) -> Result<Plaintext, CipherError> {
    decrypt_bytes(key, app_id, decode(base64)?)
}

/// The part of [`decrypt`] that does not depend on the key, so that trying several keys does it once. White space is left out:
/// whether it was signed is for the signature to say.
pub(crate) fn decode(base64: &str) -> Result<Vec<u8>, CipherError> {
    let base64: String = base64.chars().filter(|c| !c.is_whitespace()).collect();
    let ciphertext = BASE64_STANDARD.decode(base64).map_err(|_| CipherError::BadBase64)?;
    if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(AES_BLOCK) {
        return Err(CipherError::BadBlockLength);
    }
    Ok(ciphertext)
}

/// The part of [`decrypt`] that depends on the key.
pub(crate) fn decrypt_bytes(
    key: &EncodingAesKey,
    app_id: &str,
    ciphertext: Vec<u8>,
) -> Result<Plaintext, CipherError> {
    let mut buffer = Zeroizing::new(ciphertext);
    let plaintext = cbc::Decryptor::<Aes256>::new(key.bytes().into(), &key.iv().into())
        .decrypt_padded::<NoPadding>(buffer.as_mut_slice())
        .map_err(|_| CipherError::BadBlockLength)?;
    let (message, tail) = split_message(unpad(plaintext)?)?;
    if tail != app_id.as_bytes() {
        return Err(CipherError::WrongAppId);
    }
    Ok(Plaintext(Zeroizing::new(message.to_vec())))
}

/// Takes 1 to 32 equal bytes off, each of which holds their count.
fn unpad(data: &[u8]) -> Result<&[u8], CipherError> {
    let count = data.last().map_or(0, |&last| usize::from(last));
    let rest = data.len().checked_sub(count).ok_or(CipherError::BadPadding)?;
    let (content, padding) = data.split_at(rest);
    let valid = (1..=PADDING_BLOCK).contains(&count) && padding.iter().all(|&b| usize::from(b) == count);
    if valid { Ok(content) } else { Err(CipherError::BadPadding) }
}

/// Splits what is left into the message and the appid behind it.
fn split_message(content: &[u8]) -> Result<(&[u8], &[u8]), CipherError> {
    let (head, rest) = content.split_at_checked(HEAD).ok_or(CipherError::TooShort)?;
    let (_, length) = head.split_last_chunk::<4>().ok_or(CipherError::TooShort)?;
    // A length that does not even fit a usize is past the end, too.
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| CipherError::BadLength)?;
    rest.split_at_checked(length).ok_or(CipherError::BadLength)
}

/// Encrypts a message for `app_id` and returns base64. `random` must be 16 fresh random bytes.
///
/// # Panics
///
/// If the message has 4 GiB or more, which the length field cannot say.
pub fn encrypt(
    key: &EncodingAesKey,
    app_id: &str,
    random: [u8; 16],
    message: &(impl AsRef<[u8]> + ?Sized),
) -> String {
    let message = message.as_ref();
    let length = u32::try_from(message.len()).expect("a message is far below 4 GiB");
    let size = HEAD + message.len() + app_id.len();
    let padding = PADDING_BLOCK - size % PADDING_BLOCK;
    let mut buffer = Zeroizing::new(Vec::with_capacity(size + padding));
    buffer.extend_from_slice(&random);
    buffer.extend_from_slice(&length.to_be_bytes());
    buffer.extend_from_slice(message);
    buffer.extend_from_slice(app_id.as_bytes());
    let count = u8::try_from(padding).expect("padding is 1 to 32");
    buffer.resize(size + padding, count);
    let ciphertext = cbc::Encryptor::<Aes256>::new(key.bytes().into(), &key.iv().into())
        .encrypt_padded::<NoPadding>(buffer.as_mut_slice(), size + padding)
        .expect("whole blocks need no padding");
    BASE64_STANDARD.encode(ciphertext)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_1_to_32_equal_bytes() {
        let mut whole = vec![7; 32];
        whole.extend([32; 32]);
        assert_eq!(unpad(&whole), Ok([7; 32].as_slice()));
        assert_eq!(unpad(&[9, 1]), Ok([9].as_slice()));
        for bad in [&[][..], &[0; 16], &[33; 64], &[2], &[3, 2, 3]] {
            assert_eq!(unpad(bad), Err(CipherError::BadPadding), "{bad:?}");
        }
    }

    #[test]
    fn a_length_past_the_end_is_refused_without_overflow() {
        for length in [1, u32::MAX, u32::MAX - 19, 1 << 31] {
            let mut content = [0; HEAD];
            content[16..].copy_from_slice(&length.to_be_bytes());
            assert_eq!(split_message(&content), Err(CipherError::BadLength), "{length}");
        }
    }
}
