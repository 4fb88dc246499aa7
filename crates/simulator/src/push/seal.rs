//! Sealing one delivery of a push: fresh random bytes, fresh nonce, both signatures.

use base64::{Engine, engine::general_purpose::STANDARD};
use mandate_schema::Secret;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Draft, Forge, Route};
use crate::{
    envelope::{self, AesKey, Pair},
    error::OrderError,
    settings::APP_ID_MARK,
    state::{Mint, State},
    xml,
};

/// One request, ready to be sent.
pub(crate) struct Outgoing {
    pub(crate) url: String,
    pub(crate) body: String,
    /// Opens the answer.
    pub(crate) pair: Pair,
}

/// Query and body while they are put together.
struct Parts {
    timestamp: String,
    nonce: String,
    signature: String,
    msg_signature: Option<String>,
    encrypt_type: Option<&'static str>,
    body: String,
}

impl State {
    /// Seals one delivery under the pair that is in force now.
    pub(crate) fn seal(&mut self, draft: &Draft, now: i64) -> Result<Outgoing, OrderError> {
        let component = self.component(&draft.component)?;
        let pair = component.pair_for(draft.subject.as_ref()).clone();
        let base = match &draft.route {
            Route::Event => component.event_url.clone(),
            Route::Message { authorizer, .. } => component.message_url.replace(APP_ID_MARK, authorizer.as_str()),
        };
        let parts = match draft.forge {
            None => genuine(draft, &pair, now, &mut self.mint),
            Some(forge) => forged(forge, draft, &pair, now, &mut self.mint),
        };
        let url = with_query(&base, &parts, &draft.route);
        Ok(Outgoing { url, body: parts.body, pair })
    }
}

fn genuine(draft: &Draft, pair: &Pair, now: i64, mint: &mut Mint) -> Parts {
    let random = mint.random_prefix();
    let encrypted = envelope::encrypt(&pair.key, random, &draft.plaintext, draft.component.as_str());
    parts_for(draft, pair, &encrypted, now, mint)
}

/// Signs a ciphertext and puts it into its envelope.
fn parts_for(draft: &Draft, pair: &Pair, encrypted: &str, now: i64, mint: &mut Mint) -> Parts {
    let (timestamp, nonce) = (now.to_string(), mint.digits(10));
    Parts {
        signature: pair.signature(&timestamp, &nonce),
        msg_signature: Some(pair.msg_signature(&timestamp, &nonce, encrypted)),
        encrypt_type: Some("aes"),
        body: outer(draft, encrypted),
        timestamp,
        nonce,
    }
}

fn outer(draft: &Draft, encrypted: &str) -> String {
    match &draft.route {
        Route::Event => xml::envelope("AppId", draft.component.as_str(), encrypted),
        Route::Message { user_name, .. } => xml::envelope("ToUserName", user_name, encrypted),
    }
}

fn forged(forge: Forge, draft: &Draft, pair: &Pair, now: i64, mint: &mut Mint) -> Parts {
    match forge {
        Forge::WrongToken | Forge::EmptyToken | Forge::WrongKey => {
            genuine(draft, &wrong_pair(forge, pair, mint), now, mint)
        }
        Forge::WrongAppid | Forge::BadPadding | Forge::CutCiphertext => {
            let encrypted = damaged(forge, draft, pair, mint);
            parts_for(draft, pair, &encrypted, now, mint)
        }
        Forge::WrongSignature
        | Forge::PlainSignature
        | Forge::NoSignature
        | Forge::OtherBody
        | Forge::WrongEncryptType
        | Forge::Unencrypted
        | Forge::NoEncrypt
        | Forge::TwoEncrypts
        | Forge::Doctype
        | Forge::NotXml
        | Forge::Oversized => {
            let mut parts = genuine(draft, pair, now, mint);
            spoil(forge, &mut parts, draft, pair, mint);
            parts
        }
    }
}

fn wrong_pair(forge: Forge, pair: &Pair, mint: &mut Mint) -> Pair {
    match forge {
        Forge::EmptyToken => Pair { token: Secret::new(""), key: pair.key.clone() },
        Forge::WrongKey => Pair { token: pair.token.clone(), key: AesKey::from_bytes(mint.key_bytes()) },
        _ => Pair { token: Secret::new(mint.characters(24)), key: pair.key.clone() },
    }
}

/// A ciphertext that is wrong inside.
fn damaged(forge: Forge, draft: &Draft, pair: &Pair, mint: &mut Mint) -> String {
    let other = draft.subject.as_ref().map_or_else(|| format!("wx{}", mint.hex(16)), ToString::to_string);
    let app_id = if forge == Forge::WrongAppid { other.as_str() } else { draft.component.as_str() };
    let mut packet = envelope::lay_out(mint.random_prefix(), &draft.plaintext, app_id);
    envelope::pad(&mut packet);
    if forge == Forge::BadPadding {
        *packet.last_mut().expect("padding is never empty") = 0;
    }
    envelope::encrypt_blocks(&pair.key, &mut packet);
    if forge == Forge::CutCiphertext {
        packet.truncate(packet.len() - 16);
    }
    STANDARD.encode(packet)
}

/// Spoils a good push.
fn spoil(forge: Forge, parts: &mut Parts, draft: &Draft, pair: &Pair, mint: &mut Mint) {
    match forge {
        Forge::WrongSignature => {
            let signature = parts.msg_signature.get_or_insert_default();
            let last = if signature.pop() == Some('0') { '1' } else { '0' };
            signature.push(last);
        }
        Forge::PlainSignature => parts.msg_signature = Some(parts.signature.clone()),
        Forge::NoSignature => parts.msg_signature = None,
        Forge::OtherBody => {
            let other = envelope::encrypt(&pair.key, mint.random_prefix(), &draft.plaintext, draft.component.as_str());
            parts.body = outer(draft, &other);
        }
        Forge::WrongEncryptType => parts.encrypt_type = Some("raw"),
        Forge::Unencrypted => {
            (parts.msg_signature, parts.encrypt_type) = (None, None);
            parts.body.clone_from(&draft.plaintext);
        }
        Forge::NoEncrypt => parts.body = parts.body.replace("Encrypt>", "Encrypted>"),
        Forge::TwoEncrypts => {
            let more = "    <Encrypt><![CDATA[AAAA]]></Encrypt>\n</xml>";
            parts.body = parts.body.replace("</xml>", more);
        }
        Forge::Doctype => parts.body.insert_str(0, "<!DOCTYPE xml [<!ENTITY a \"b\">]>\n"),
        Forge::NotXml => parts.body = "success".to_owned(),
        Forge::Oversized => parts.body.push_str(&" ".repeat(2 << 20)),
        Forge::WrongToken
        | Forge::EmptyToken
        | Forge::WrongKey
        | Forge::WrongAppid
        | Forge::BadPadding
        | Forge::CutCiphertext => unreachable!("made wrong from the start"),
    }
}

fn with_query(base: &str, parts: &Parts, route: &Route) -> String {
    let mut url = base.to_owned();
    url.push(if base.contains('?') { '&' } else { '?' });
    url.push_str(&format!("signature={}&timestamp={}&nonce={}", parts.signature, parts.timestamp, parts.nonce));
    if let Route::Message { openid, .. } = route {
        url.push_str(&format!("&openid={}", utf8_percent_encode(openid, NON_ALPHANUMERIC)));
    }
    if let Some(encrypt_type) = parts.encrypt_type {
        url.push_str(&format!("&encrypt_type={encrypt_type}"));
    }
    if let Some(msg_signature) = &parts.msg_signature {
        url.push_str(&format!("&msg_signature={msg_signature}"));
    }
    url
}
