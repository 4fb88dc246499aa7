//! The packet inside the ciphertext: random(16), length(4, big-endian), message, appid, padding to 32.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{AesKey, cbc};

/// `WeChat` pads to 32 bytes, not to the cipher's 16.
const PADDING_BLOCK: usize = 32;
/// The random bytes and the length in front of the message.
const HEAD: usize = 20;

/// A ciphertext that does not open: which check it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("not standard base64")]
    Base64,
    #[error("not whole cipher blocks")]
    BlockLength,
    #[error("padding is wrong")]
    Padding,
    #[error("too short")]
    TooShort,
    #[error("length runs past the end")]
    Length,
    #[error("sealed for another appid")]
    AppId,
    #[error("not UTF-8")]
    Utf8,
}

/// The packet of a message, not padded yet.
pub(crate) fn lay_out(random: [u8; 16], message: impl AsRef<[u8]>, app_id: &str) -> Vec<u8> {
    let message = message.as_ref();
    let length = u32::try_from(message.len()).expect("messages are bounded far below 4 GiB");
    let mut packet = Vec::with_capacity(HEAD + message.len() + app_id.len() + PADDING_BLOCK);
    packet.extend_from_slice(&random);
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(message);
    packet.extend_from_slice(app_id.as_bytes());
    packet
}

/// Pads to 32: always at least one byte, a whole block when nothing is missing.
pub(crate) fn pad(packet: &mut Vec<u8>) {
    let count = PADDING_BLOCK - packet.len() % PADDING_BLOCK;
    let byte = u8::try_from(count).expect("1 to 32");
    packet.resize(packet.len() + count, byte);
}

/// Seals a message for an appid; the result is the text of `Encrypt`.
pub(crate) fn encrypt(key: &AesKey, random: [u8; 16], message: impl AsRef<[u8]>, app_id: &str) -> String {
    let mut packet = lay_out(random, message, app_id);
    pad(&mut packet);
    cbc::encrypt(key, &mut packet);
    STANDARD.encode(packet)
}

/// Opens the text of an `Encrypt` element. The signature is checked by the caller, first.
pub(crate) fn decrypt(key: &AesKey, encrypted: &str, app_id: &str) -> Result<String, OpenError> {
    let mut packet = STANDARD.decode(encrypted).map_err(|_| OpenError::Base64)?;
    if packet.is_empty() || !packet.len().is_multiple_of(16) {
        return Err(OpenError::BlockLength);
    }
    cbc::decrypt(key, &mut packet);
    let packet = unpad(&packet)?;
    if packet.len() < HEAD {
        return Err(OpenError::TooShort);
    }
    let (head, rest) = packet.split_at(HEAD);
    let length = u32::from_be_bytes(head[16..].try_into().expect("four bytes"));
    let length = usize::try_from(length).map_err(|_| OpenError::Length)?;
    let (message, tail) = rest.split_at_checked(length).ok_or(OpenError::Length)?;
    if tail != app_id.as_bytes() {
        return Err(OpenError::AppId);
    }
    String::from_utf8(message.to_vec()).map_err(|_| OpenError::Utf8)
}

fn unpad(packet: &[u8]) -> Result<&[u8], OpenError> {
    let count = usize::from(*packet.last().ok_or(OpenError::Padding)?);
    if !(1..=PADDING_BLOCK).contains(&count) || count > packet.len() {
        return Err(OpenError::Padding);
    }
    let (data, padding) = packet.split_at(packet.len() - count);
    if padding.iter().any(|byte| usize::from(*byte) != count) {
        return Err(OpenError::Padding);
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_of_message_comes_back() {
        let key = AesKey::from_bytes([9; 32]);
        for length in 0..100 {
            let message = "x".repeat(length);
            let encrypted = encrypt(&key, *b"0123456789abcdef", &message, "wx1f2e3d4c5b6a7988");
            assert_eq!(decrypt(&key, &encrypted, "wx1f2e3d4c5b6a7988"), Ok(message));
            assert_eq!(decrypt(&key, &encrypted, "wx1f2e3d4c5b6a7989"), Err(OpenError::AppId));
        }
    }

    #[test]
    fn a_full_block_gets_a_whole_block_of_padding() {
        let mut packet = vec![0; 64];
        pad(&mut packet);
        assert_eq!(packet[64..], [32; 32]);
    }
}
