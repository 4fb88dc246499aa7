//! Pushes that `WeChat` would never send.

use base64::{Engine, engine::general_purpose::STANDARD};
use mandate_schema::Secret;
use serde::{Deserialize, Serialize};

use super::seal::{Parts, Sealing};
use crate::envelope::{self, AesKey, Pair};

/// What is wrong with a forged push. All of them must be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forge {
    /// `msg_signature` with another last digit.
    WrongSignature,
    /// `msg_signature` is the plain signature, which does not cover the body.
    PlainSignature,
    /// No `msg_signature`.
    NoSignature,
    /// Signed with another token.
    WrongToken,
    /// Signed with an empty token.
    EmptyToken,
    /// The signature of another ciphertext.
    OtherBody,
    /// Encrypted under another key, signed well.
    WrongKey,
    /// Sealed for another appid (the account's, if there is one), signed well.
    WrongAppid,
    /// Padding that no encoder writes, signed well.
    BadPadding,
    /// Its last cipher block is missing, signed well.
    CutCiphertext,
    /// `encrypt_type=raw` on an otherwise good push.
    WrongEncryptType,
    /// The bare document, with a good plain signature.
    Unencrypted,
    /// An envelope without `Encrypt`.
    NoEncrypt,
    /// An envelope with two `Encrypt` elements.
    TwoEncrypts,
    /// A good envelope behind a DOCTYPE.
    Doctype,
    /// Not XML at all.
    NotXml,
    /// A good envelope in a body of 2 MiB.
    Oversized,
}

impl Sealing<'_> {
    /// Seals a push that is wrong in one way and right in all others.
    pub(super) fn forged(&mut self, forge: Forge) -> Parts {
        let pair = self.pair.clone();
        match forge {
            Forge::WrongToken => {
                let token = Secret::new(self.mint.characters(24));
                self.genuine(&Pair { token, ..pair })
            }
            Forge::EmptyToken => self.genuine(&Pair { token: Secret::new(""), ..pair }),
            Forge::WrongKey => {
                let key = AesKey::from_bytes(self.mint.key_bytes());
                self.genuine(&Pair { key, ..pair })
            }
            Forge::WrongAppid => {
                let subject = self.draft.subject.as_ref().map(ToString::to_string);
                let other = subject.unwrap_or_else(|| format!("wx{}", self.mint.hex(16)));
                let packet = self.packet(&other);
                self.seal_packet(packet)
            }
            Forge::BadPadding => {
                let mut packet = self.packet(self.draft.component.as_str());
                *packet.last_mut().expect("padding is never empty") = 0;
                self.seal_packet(packet)
            }
            Forge::CutCiphertext => {
                let mut packet = self.packet(self.draft.component.as_str());
                packet.truncate(packet.len() - 16);
                self.seal_packet(packet)
            }
            Forge::OtherBody => {
                let parts = self.genuine(&pair);
                let other = self.encrypted(&pair);
                Parts { body: self.outer(&other), ..parts }
            }
            Forge::WrongSignature
            | Forge::PlainSignature
            | Forge::NoSignature
            | Forge::WrongEncryptType
            | Forge::Unencrypted
            | Forge::NoEncrypt
            | Forge::TwoEncrypts
            | Forge::Doctype
            | Forge::NotXml
            | Forge::Oversized => spoiled(forge, self.genuine(&pair), &self.draft.text()),
        }
    }

    /// The padded packet, sealed for an appid.
    fn packet(&mut self, app_id: &str) -> Vec<u8> {
        let mut packet = envelope::lay_out(self.mint.random_prefix(), &self.draft.plaintext, app_id);
        envelope::pad(&mut packet);
        packet
    }

    /// Encrypts and signs whole blocks, whatever is in them.
    fn seal_packet(&mut self, mut packet: Vec<u8>) -> Parts {
        let pair = self.pair.clone();
        envelope::encrypt_blocks(&pair.key, &mut packet);
        self.signed(&pair, &STANDARD.encode(packet))
    }
}

/// A good push, spoiled on the outside.
fn spoiled(forge: Forge, parts: Parts, plaintext: &str) -> Parts {
    let Parts { signature, msg_signature, body, .. } = &parts;
    match forge {
        Forge::WrongSignature => {
            let mut wrong = msg_signature.clone().unwrap_or_default();
            let last = if wrong.pop() == Some('0') { '1' } else { '0' };
            wrong.push(last);
            Parts { msg_signature: Some(wrong), ..parts }
        }
        Forge::PlainSignature => Parts { msg_signature: Some(signature.clone()), ..parts },
        Forge::NoSignature => Parts { msg_signature: None, ..parts },
        Forge::WrongEncryptType => Parts { encrypt_type: Some("raw".to_owned()), ..parts },
        Forge::Unencrypted => {
            Parts { msg_signature: None, encrypt_type: None, body: plaintext.to_owned(), ..parts }
        }
        Forge::NoEncrypt => Parts { body: body.replace("Encrypt>", "Encrypted>"), ..parts },
        Forge::TwoEncrypts => {
            let more = "    <Encrypt><![CDATA[AAAA]]></Encrypt>\n</xml>";
            Parts { body: body.replace("</xml>", more), ..parts }
        }
        Forge::Doctype => Parts { body: format!("<!DOCTYPE xml [<!ENTITY a \"b\">]>\n{body}"), ..parts },
        Forge::NotXml => Parts { body: "success".to_owned(), ..parts },
        Forge::Oversized => Parts { body: format!("{body}{}", " ".repeat(2 << 20)), ..parts },
        Forge::WrongToken
        | Forge::EmptyToken
        | Forge::OtherBody
        | Forge::WrongKey
        | Forge::WrongAppid
        | Forge::BadPadding
        | Forge::CutCiphertext => unreachable!("wrong from the inside"),
    }
}
