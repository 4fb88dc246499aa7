//! A push without what anybody can add to it: the signature covers neither the rest of the query nor that of the body.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{CallbackQuery, Opened, outer, outer::Outer};

/// Bytes of the query, and of the body, that are kept although nobody signed them. `WeChat` adds less.
const UNSIGNED_MAX: usize = 256;

impl CallbackQuery {
    /// The query to store for one that was read as this: as it came, or without what is unsigned if there is too much of it.
    pub fn stored(&self, query: &str) -> String {
        let Self { timestamp, nonce, msg_signature, encrypt_type } = self;
        if query.len() <= timestamp.len() + nonce.len() + msg_signature.len() + UNSIGNED_MAX {
            return query.to_owned();
        }
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        format!(
            "timestamp={}&nonce={}&encrypt_type={}&msg_signature={}",
            encode(timestamp),
            encode(nonce),
            encode(encrypt_type.as_deref().unwrap_or_default()),
            encode(msg_signature),
        )
    }
}

impl Opened {
    /// The body to store for one that held this: as it came, or without what is unsigned if there is too much of it.
    pub fn stored(&self, body: &str) -> String {
        if body.len() <= self.signed_bytes + UNSIGNED_MAX {
            return body.to_owned();
        }
        let Ok(Outer { encrypt, form }) = Outer::read(body.as_bytes()) else { return body.to_owned() };
        let signed = if encrypt.len() == self.signed_bytes { &*encrypt } else { encrypt.trim() };
        outer::bare(form, signed)
    }
}

#[cfg(test)]
mod tests {
    use mandate_schema::{ComponentId, Secret};

    use super::*;
    use crate::{
        envelope::{EncodingAesKey, KeyRing, Pair, cipher},
        signature,
    };

    const COMPONENT: &str = "wx1f2e3d4c5b6a7988";
    const KEY: &str = "EVB6Di9eadXfpApiob17buV+a82FxnybhDGzb/8hxDc";

    fn key() -> EncodingAesKey {
        EncodingAesKey::parse(&Secret::new(KEY)).unwrap()
    }

    fn ring() -> KeyRing {
        let pair = Pair::new(Secret::new("t"), key()).unwrap();
        KeyRing::new(ComponentId::parse(COMPONENT).unwrap(), vec![pair]).unwrap()
    }

    /// A query that signs this text.
    fn query(signed: &str) -> String {
        let sign = signature::sign(&["t", "1767225605", "1 3", signed]);
        format!("signature=s&timestamp=1767225605&nonce=1%203&encrypt_type=aes&msg_signature={sign}")
    }

    /// What is stored of a push.
    fn stored(query: &str, body: &str) -> (String, String) {
        let parameters = CallbackQuery::parse(query).unwrap();
        let opened = ring().open(&parameters, body.as_bytes()).unwrap();
        (parameters.stored(query), opened.stored(body))
    }

    #[test]
    fn a_push_is_stored_as_it_came() {
        let encrypt = cipher::encrypt(&key(), COMPONENT, [7; 16], "<xml/>");
        let query = query(&encrypt) + "&openid=oXyz";
        for body in [
            format!("<xml><ToUserName>gh_1</ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>"),
            format!("{{\"AppId\":\"{COMPONENT}\",\n\"Encrypt\":\"{encrypt}\"}}"),
        ] {
            assert_eq!(stored(&query, &body), (query.clone(), body));
        }
    }

    #[test]
    fn what_anybody_can_add_is_left_out_and_the_rest_still_opens() {
        let encrypt = cipher::encrypt(&key(), COMPONENT, [7; 16], "<xml>said</xml>");
        let (much, blank) = ("j".repeat(60_000), " ".repeat(60_000));
        let query = query(&encrypt);
        let queries = [
            format!("{query}&more={much}"),
            format!("{much}={much}&{query}"),
            query.replace("nonce", &format!("{much}&nonce")),
        ];
        let bodies = [
            format!("<xml><More>{much}</More><Encrypt>{encrypt}</Encrypt></xml>"),
            format!("<xml><Encrypt>{encrypt}</Encrypt></xml><!--{much}-->"),
            format!("<xml><Encrypt>{blank}{encrypt}{blank}</Encrypt></xml>"),
            format!("{blank}<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>{blank}"),
            format!(r#"{{"more":"{much}","Encrypt":"{encrypt}"}}"#),
            format!(r#"{{"Encrypt":"{blank}{encrypt}"}}"#),
        ];
        for query in &queries {
            for body in &bodies {
                let (query, body) = stored(query, body);
                assert!(query.len() < 200 && body.len() < encrypt.len() + 60, "{query} {body}");
                let opened = ring().open(&CallbackQuery::parse(&query).unwrap(), body.as_bytes()).unwrap();
                assert_eq!(opened.plaintext.bytes(), b"<xml>said</xml>");
            }
        }
    }

    #[test]
    fn white_space_that_was_signed_stays() {
        let encrypt = cipher::encrypt(&key(), COMPONENT, [7; 16], "<xml/>") + "\n";
        let body = format!("<xml><Encrypt>{encrypt}</Encrypt><More>{}</More></xml>", "j".repeat(300));
        let (query, body) = stored(&query(&encrypt), &body);
        assert_eq!(body, format!("<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>"));
        assert!(ring().open(&CallbackQuery::parse(&query).unwrap(), body.as_bytes()).is_ok());
    }
}
