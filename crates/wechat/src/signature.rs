//! The two signatures of a push: SHA-1 over its parts, sorted by bytes and joined with nothing between them.

use ring::digest;
use subtle::ConstantTimeEq;

/// Signs `parts` and returns 40 lower-case hex digits.
///
/// The parts of `signature` are token, timestamp and nonce, those of `msg_signature` the same and the Encrypt text. Only
/// `msg_signature` covers the body, so it alone proves where a push comes from.
pub fn sign(parts: &[&str]) -> String {
    let mut sorted = parts.to_vec();
    sorted.sort_unstable(); // str orders by bytes, as the signature wants
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    for part in sorted {
        context.update(part.as_bytes());
    }
    hex(context.finish().as_ref())
}

/// Whether `signature` is the one of `parts`, compared in constant time.
pub fn verify(parts: &[&str], signature: &str) -> bool {
    sign(parts).as_bytes().ct_eq(signature.as_bytes()).into()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_arguments_does_not_matter() {
        assert_eq!(sign(&["c", "a", "b"]), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }

    #[test]
    fn a_signature_of_another_length_or_case_is_refused() {
        let parts = ["a", "b", "c"];
        assert!(verify(&parts, "a9993e364706816aba3e25717850c26c9cd0d89d"));
        for bad in ["", "a9993e36", "A9993E364706816ABA3E25717850C26C9CD0D89D"] {
            assert!(!verify(&parts, bad), "{bad:?} was accepted");
        }
    }
}
