//! Invented secrets.

use ring::rand::{SecureRandom, SystemRandom};

use crate::exit::CliError;

/// Letters and digits.
pub(crate) const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// A random text of these letters.
pub(crate) fn text(length: usize, alphabet: &str) -> Result<String, CliError> {
    let letters = alphabet.as_bytes();
    // Bytes beyond a whole number of alphabets would make its first letters more likely.
    let fair = 256 - 256 % letters.len();
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let drawn = bytes::<64>()?.into_iter().map(usize::from).filter(|byte| *byte < fair);
        text.extend(drawn.take(length - text.len()).map(|byte| char::from(letters[byte % letters.len()])));
    }
    Ok(text)
}

/// Random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], CliError> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| CliError::Failed(anyhow::anyhow!("the system gives no random bytes")))?;
    Ok(bytes)
}
