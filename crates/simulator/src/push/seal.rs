//! Sealing one delivery of a push: fresh random bytes, fresh nonce, both signatures.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Draft, Form, Route};
use crate::{
    envelope::{self, Pair},
    error::OrderError,
    settings::APP_ID_MARK,
    state::{Mint, State},
    xml,
};

/// One request, ready to be sent.
pub(crate) struct Outgoing {
    pub(crate) url: String,
    pub(crate) body: String,
    pub(crate) content_type: &'static str,
    /// Opens the answer.
    pub(crate) pair: Pair,
}

/// Query and body while they are put together.
pub(super) struct Parts {
    pub(super) timestamp: String,
    pub(super) nonce: String,
    pub(super) signature: String,
    pub(super) msg_signature: Option<String>,
    pub(super) encrypt_type: Option<String>,
    pub(super) body: String,
}

/// One delivery while it is sealed.
pub(super) struct Sealing<'a> {
    pub(super) draft: &'a Draft,
    /// The pair that is in force for the account.
    pub(super) pair: &'a Pair,
    pub(super) mint: &'a mut Mint,
    /// The clock, in seconds.
    pub(super) now: i64,
}

impl State {
    /// Seals one delivery under the pair that is in force now.
    pub(crate) fn seal(&mut self, draft: &Draft, now: i64) -> Result<Outgoing, OrderError> {
        let component = self.component(&draft.component)?;
        let pair = component.pair_for(draft.subject.as_ref()).clone();
        let base = match &draft.route {
            Route::Event => component.event_url.clone(),
            Route::Message { authorizer, .. } => {
                component.message_url.replace(APP_ID_MARK, authorizer.as_str())
            }
        };
        let mut sealing = Sealing { draft, pair: &pair, mint: &mut self.mint, now };
        let parts = match draft.forge {
            None => sealing.genuine(&pair),
            Some(forge) => sealing.forged(forge),
        };
        let url = parts.url(&base, &draft.route);
        let content_type = match draft.dirt.envelope {
            Form::Xml => "text/xml",
            Form::Json => "application/json",
        };
        Ok(Outgoing { url, body: parts.body, content_type, pair })
    }
}

impl Sealing<'_> {
    /// A push as it should be, under some pair.
    pub(super) fn genuine(&mut self, pair: &Pair) -> Parts {
        let encrypted = self.encrypted(pair);
        self.signed(pair, &encrypted)
    }

    /// The document, encrypted with fresh random bytes.
    pub(super) fn encrypted(&mut self, pair: &Pair) -> String {
        let random = self.mint.random_prefix();
        envelope::encrypt(&pair.key, random, &self.draft.plaintext, self.draft.component.as_str())
    }

    /// A ciphertext, signed and in its envelope.
    pub(super) fn signed(&mut self, pair: &Pair, encrypted: &str) -> Parts {
        let (timestamp, nonce) = (self.now.to_string(), self.mint.digits(10));
        let (signed, sent) = self.draft.dirt.around(encrypted);
        let encrypt_type = self.draft.dirt.encrypt_type.clone().unwrap_or_else(|| "aes".to_owned());
        Parts {
            signature: pair.signature(&timestamp, &nonce),
            msg_signature: Some(pair.msg_signature(&timestamp, &nonce, &signed)),
            encrypt_type: Some(encrypt_type),
            body: self.outer(&sent),
            timestamp,
            nonce,
        }
    }

    /// The envelope alone.
    pub(super) fn outer(&self, encrypted: &str) -> String {
        let (name, value) = match &self.draft.route {
            Route::Event => ("AppId", self.draft.component.as_str()),
            Route::Message { user_name, .. } => ("ToUserName", user_name.as_str()),
        };
        match self.draft.dirt.envelope {
            Form::Xml => xml::envelope(name, value, encrypted),
            Form::Json => serde_json::json!({ name: value, "Encrypt": encrypted }).to_string(),
        }
    }
}

impl Parts {
    fn url(&self, base: &str, route: &Route) -> String {
        let mut query =
            vec![("signature", &*self.signature), ("timestamp", &self.timestamp), ("nonce", &self.nonce)];
        if let Route::Message { openid, .. } = route {
            query.push(("openid", openid));
        }
        query.extend(self.encrypt_type.as_deref().map(|encrypt_type| ("encrypt_type", encrypt_type)));
        query.extend(self.msg_signature.as_deref().map(|signature| ("msg_signature", signature)));
        let query: Vec<String> = query
            .into_iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        let mark = if base.contains('?') { '&' } else { '?' };
        format!("{base}{mark}{}", query.join("&"))
    }
}
