//! The XML around a ciphertext.

use super::EnvelopeError;
use crate::xml;

/// The text of the single Encrypt child of the root. Everything beside it is unsigned and of no interest.
///
/// # Errors
///
/// [`EnvelopeError::MalformedEnvelope`] and [`EnvelopeError::MissingEncrypt`].
pub(super) fn ciphertext(body: &[u8]) -> Result<String, EnvelopeError> {
    let text = str::from_utf8(body).map_err(|_| EnvelopeError::MalformedEnvelope)?;
    let root = xml::parse(text).map_err(|_| EnvelopeError::MalformedEnvelope)?;
    let mut found = root.children.into_iter().filter(|child| child.name == "Encrypt");
    let encrypt = found.next().ok_or(EnvelopeError::MissingEncrypt)?;
    if found.next().is_some() {
        return Err(EnvelopeError::MalformedEnvelope);
    }
    if encrypt.text.trim().is_empty() {
        return Err(EnvelopeError::MissingEncrypt);
    }
    Ok(encrypt.text)
}

/// The body of a passive reply.
pub(super) fn reply(encrypt: &str, msg_signature: &str, timestamp: i64, nonce: &str) -> String {
    format!(
        "<xml>\n<Encrypt>{}</Encrypt>\n<MsgSignature>{}</MsgSignature>\n<TimeStamp>{timestamp}</TimeStamp>\n\
         <Nonce>{}</Nonce>\n</xml>",
        xml::cdata(encrypt),
        xml::cdata(msg_signature),
        xml::cdata(nonce),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_encrypt_directly_under_the_root_counts() {
        let body = "<xml><Other><Encrypt>inner</Encrypt></Other><encrypt>case</encrypt><Encrypt>AA==</Encrypt></xml>";
        assert_eq!(ciphertext(body.as_bytes()).as_deref(), Ok("AA=="));
        let nested = "<xml><Other><Encrypt>inner</Encrypt></Other></xml>";
        assert_eq!(ciphertext(nested.as_bytes()), Err(EnvelopeError::MissingEncrypt));
    }

    #[test]
    fn two_encrypts_are_malformed() {
        let body = "<xml><Encrypt>AA==</Encrypt><Encrypt>AA==</Encrypt></xml>";
        assert_eq!(ciphertext(body.as_bytes()), Err(EnvelopeError::MalformedEnvelope));
    }

    #[test]
    fn a_body_that_is_not_utf8_is_malformed() {
        assert_eq!(ciphertext(b"<xml><Encrypt>\xff</Encrypt></xml>"), Err(EnvelopeError::MalformedEnvelope));
    }
}
