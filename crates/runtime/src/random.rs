//! Random bytes and texts that nobody can guess.

use ring::rand::{SecureRandom, SystemRandom};

/// Letters and digits.
pub const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// Random bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

/// A random text of these letters, all equally likely.
pub fn text(length: usize, alphabet: &str) -> String {
    let letters = alphabet.as_bytes();
    // Bytes beyond a whole number of alphabets would make its first letters more likely.
    let fair = 256 - 256 % letters.len();
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let drawn = bytes::<64>().into_iter().map(usize::from).filter(|byte| *byte < fair);
        text.extend(drawn.take(length - text.len()).map(|byte| char::from(letters[byte % letters.len()])));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_their_length_and_no_letter_is_favoured() {
        assert_eq!(text(0, LETTERS), "");
        let drawn = text(62_000, LETTERS);
        assert_eq!(drawn.len(), 62_000);
        for letter in LETTERS.chars() {
            let count = drawn.matches(letter).count();
            assert!((800..1_200).contains(&count), "{letter} came {count} times in 1,000");
        }
    }
}
