//! What stands around a ciphertext, in XML or JSON.

use super::EnvelopeError;
use crate::{
    form::{self, Form},
    json, xml,
};

/// The outer document of a push. Everything beside the ciphertext is unsigned and of no interest.
pub(super) struct Outer {
    /// The text of the single Encrypt child of the root, as received.
    pub(super) encrypt: String,
    /// The form of the document, in which a reply is sealed.
    pub(super) form: Form,
}

impl Outer {
    /// Reads the body of a push.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError::MalformedEnvelope`] and [`EnvelopeError::MissingEncrypt`].
    pub(super) fn read(body: &[u8]) -> Result<Self, EnvelopeError> {
        let outer = form::read(body).map_err(|_| EnvelopeError::MalformedEnvelope)?;
        let mut found = outer.root.children.into_iter().filter(|child| child.name == "Encrypt");
        let encrypt = found.next().ok_or(EnvelopeError::MissingEncrypt)?;
        if found.next().is_some() {
            return Err(EnvelopeError::MalformedEnvelope);
        }
        if encrypt.text.trim().is_empty() {
            return Err(EnvelopeError::MissingEncrypt);
        }
        Ok(Self { encrypt: encrypt.text, form: outer.form })
    }
}

/// The body of a push with this ciphertext and nothing beside it.
pub(super) fn bare(form: Form, encrypt: &str) -> String {
    match form {
        Form::Xml => format!("<xml><Encrypt>{}</Encrypt></xml>", xml::cdata(encrypt)),
        Form::Json => format!(r#"{{"Encrypt":{}}}"#, json::quoted(encrypt)),
    }
}

/// The body of a passive reply in this form.
pub(super) fn reply(form: Form, encrypt: &str, msg_signature: &str, timestamp: i64, nonce: &str) -> String {
    match form {
        Form::Xml => format!(
            "<xml>\n<Encrypt>{}</Encrypt>\n<MsgSignature>{}</MsgSignature>\n<TimeStamp>{timestamp}</TimeStamp>\n\
             <Nonce>{}</Nonce>\n</xml>",
            xml::cdata(encrypt),
            xml::cdata(msg_signature),
            xml::cdata(nonce),
        ),
        Form::Json => format!(
            r#"{{"Encrypt":{},"MsgSignature":{},"TimeStamp":{timestamp},"Nonce":{}}}"#,
            json::quoted(encrypt),
            json::quoted(msg_signature),
            json::quoted(nonce),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ciphertext(body: impl AsRef<[u8]>) -> Result<String, EnvelopeError> {
        Outer::read(body.as_ref()).map(|outer| outer.encrypt)
    }

    #[test]
    fn only_an_encrypt_directly_under_the_root_counts() {
        let body = "<xml><Other><Encrypt>inner</Encrypt></Other><encrypt>case</encrypt><Encrypt>AA==</Encrypt></xml>";
        assert_eq!(ciphertext(body).as_deref(), Ok("AA=="));
        let body = r#"{"Other":{"Encrypt":"inner"},"encrypt":"case","Encrypt":"AA=="}"#;
        assert_eq!(ciphertext(body).as_deref(), Ok("AA=="));
        for nested in
            ["<xml><Other><Encrypt>inner</Encrypt></Other></xml>", r#"{"Other":{"Encrypt":"inner"}}"#]
        {
            assert_eq!(ciphertext(nested), Err(EnvelopeError::MissingEncrypt), "{nested}");
        }
    }

    #[test]
    fn an_encrypt_without_a_text_is_missing() {
        for body in
            [r#"{"Encrypt":""}"#, r#"{"Encrypt":null}"#, r#"{"Encrypt":{"a":"b"}}"#, r#"{"Encrypt":[]}"#]
        {
            assert_eq!(ciphertext(body), Err(EnvelopeError::MissingEncrypt), "{body}");
        }
    }

    #[test]
    fn two_encrypts_are_malformed() {
        for body in [
            "<xml><Encrypt>AA==</Encrypt><Encrypt>AA==</Encrypt></xml>",
            r#"{"Encrypt":"AA==","ToUserName":"gh_1","Encrypt":"AA=="}"#,
            r#"{"Encrypt":["AA==","AA=="]}"#,
        ] {
            assert_eq!(ciphertext(body), Err(EnvelopeError::MalformedEnvelope), "{body}");
        }
    }

    #[test]
    fn what_is_unsigned_may_hold_any_bytes() {
        let body = b"<xml><ToUserName>\xff\0\x08</ToUserName><Encrypt>AA==</Encrypt></xml>\0";
        assert_eq!(ciphertext(body).as_deref(), Ok("AA=="));
        let body = b"{\"ToUserName\":\"\xff\n\x08\",\"Encrypt\":\"AA==\"}\0";
        assert_eq!(ciphertext(body).as_deref(), Ok("AA=="));
    }

    #[test]
    fn what_is_neither_xml_nor_json_is_malformed() {
        for body in ["", "success", "{", "[]", "[{\"Encrypt\":\"AA==\"}]", "Encrypt=AA=="] {
            assert_eq!(ciphertext(body), Err(EnvelopeError::MalformedEnvelope), "{body}");
        }
    }
}
