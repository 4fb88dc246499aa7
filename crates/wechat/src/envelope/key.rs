//! The AES key as the operator's console shows it.

use std::fmt;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use mandate_schema::Secret;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::EnvelopeError;

/// Reads 43 characters as 32 bytes. They carry 258 bits, of which 256 are used; the console fills the last two with
/// anything, so about three of four real keys are refused by a decoder that insists on zeros there.
const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// An `EncodingAESKey`: the 32 bytes behind 43 characters of base64. Wiped from memory on drop, never shown.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct EncodingAesKey([u8; 32]);

impl EncodingAesKey {
    /// Reads a key as it stands in `WeChat`'s console. Up to four spellings give the same bytes.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError::BadKey`] unless it is exactly 43 characters of the standard base64 alphabet (no `=`).
    pub fn parse(text: &Secret) -> Result<Self, EnvelopeError> {
        if text.expose().len() != 43 {
            return Err(EnvelopeError::BadKey);
        }
        // One byte more than a key has: the decoder wants room for its estimate.
        let mut bytes = Zeroizing::new([0; 33]);
        match KEY_BASE64.decode_slice(text.expose(), bytes.as_mut_slice()) {
            Ok(32) => {
                let mut key = Self([0; 32]);
                key.0.copy_from_slice(&bytes[..32]);
                Ok(key)
            }
            Ok(_) | Err(_) => Err(EnvelopeError::BadKey),
        }
    }

    /// The key itself.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The initialisation vector of every message under this key: its first half.
    pub(crate) fn iv(&self) -> [u8; 16] {
        let mut iv = [0; 16];
        iv.copy_from_slice(&self.0[..16]);
        iv
    }
}

impl fmt::Debug for EncodingAesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncodingAesKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_key() {
        let text = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
        let key = EncodingAesKey::parse(&Secret::new(text)).unwrap();
        assert_eq!(format!("{key:?}"), "EncodingAesKey(…)");
    }

    #[test]
    fn only_43_characters_of_the_standard_alphabet_are_a_key() {
        let good = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
        for bad in ["", &good[..42], &format!("{good}="), &good.replace('a', "-"), &"密".repeat(15)] {
            let parsed = EncodingAesKey::parse(&Secret::new(bad));
            assert!(matches!(parsed, Err(EnvelopeError::BadKey)), "{bad:?} was accepted");
        }
    }
}
