//! The `EncodingAESKey`: 43 base64 characters whose last two bits are unused and often not zero.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// Takes what `WeChat`'s console takes: no padding, and any letter or digit at the end.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// The text is not an `EncodingAESKey`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an EncodingAESKey has exactly 43 characters of the base64 alphabet, without '='")]
pub(crate) struct KeyError;

/// The 32 key bytes. No `Debug`: it is a secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AesKey([u8; 32]);

impl AesKey {
    /// Reads the 43 characters.
    pub(crate) fn parse(text: &str) -> Result<Self, KeyError> {
        if text.len() != 43 {
            return Err(KeyError);
        }
        let bytes = LENIENT.decode(text).map_err(|_| KeyError)?;
        bytes.try_into().map(Self).map_err(|_| KeyError)
    }

    /// A key from its bytes.
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key bytes.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The initialisation vector, which `WeChat` takes from the key: always the same.
    pub(crate) fn iv(&self) -> [u8; 16] {
        let mut iv = [0; 16];
        iv.copy_from_slice(&self.0[..16]);
        iv
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEM: &str = "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJS";

    #[test]
    fn four_spellings_of_the_last_character_give_one_key() {
        let canonical = AesKey::parse(&format!("{STEM}Y")).expect("canonical");
        for last in ['Z', 'a', 'b'] {
            assert!(AesKey::parse(&format!("{STEM}{last}")).expect("spare bits") == canonical);
        }
    }

    #[test]
    fn other_lengths_and_alphabets_are_refused() {
        for bad in [STEM.to_owned(), format!("{STEM}Y="), format!("{STEM}-"), String::new()] {
            assert!(AesKey::parse(&bad).is_err(), "{bad:?} was accepted");
        }
    }
}
