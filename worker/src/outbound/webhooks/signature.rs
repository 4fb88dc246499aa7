//! Signatures of the Standard Webhooks specification (version `v1`: HMAC-SHA256 over id, timestamp and body).

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use mandate_runtime::random;
use mandate_schema::Secret;
use ring::hmac;
use zeroize::Zeroizing;

/// What the text of a secret begins with.
const PREFIX: &str = "whsec_";
/// Random bytes of a secret; the specification wants 24 to 64.
const BYTES: usize = 32;

/// A new random secret, as its receiver gets it.
pub fn new_secret() -> Secret {
    let bytes = Zeroizing::new(random::bytes::<BYTES>());
    Secret::new(format!("{PREFIX}{}", STANDARD.encode(bytes.as_slice())))
}

/// Whether a text is a secret: `whsec_` and 24 to 64 bytes in base64.
pub fn is_secret(text: &str) -> bool {
    let bytes = text.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok().map(Zeroizing::new));
    bytes.is_some_and(|bytes| (24..=64).contains(&bytes.len()))
}

/// The headers of one delivery, signed by each of the secrets. `id` has no dots.
pub(super) fn headers<'a>(
    secrets: impl IntoIterator<Item = &'a Secret>,
    id: &str,
    now: Timestamp,
    body: &[u8],
) -> [(&'static str, String); 3] {
    let timestamp = now.as_second();
    let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    let signatures: Vec<String> = secrets.into_iter().map(|secret| sign(secret, &signed)).collect();
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ]
}

fn sign(secret: &Secret, signed: &[u8]) -> String {
    let text = secret.expose().strip_prefix(PREFIX).unwrap_or(secret.expose());
    let key = Zeroizing::new(STANDARD.decode(text).expect("secrets are made here"));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed);
    format!("v1,{}", STANDARD.encode(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specifications_example_is_signed_as_it_says() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let now = Timestamp::from_second(1_614_265_330).unwrap();
        let headers = headers([&secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", now, br#"{"test": 2432232314}"#);
        assert_eq!(
            headers,
            [
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned()),
                ("webhook-timestamp", "1614265330".to_owned()),
                ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned()),
            ]
        );
    }

    #[test]
    fn an_independent_implementation_accepts_each_secret_of_a_rotation() {
        let secrets = [new_secret(), new_secret()];
        let body = r#"{"text":"微信"}"#.as_bytes();
        let signed = headers(&secrets, "0197b2a4", Timestamp::now(), body);
        let headers = signed.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let headers: http::HeaderMap = headers.collect();
        for secret in &secrets {
            let receiver = standardwebhooks::Webhook::new(secret.expose()).unwrap();
            receiver.verify(body, &headers).expect("signed with this secret");
            receiver.verify(b"another body", &headers).expect_err("another body");
        }
        let stranger = standardwebhooks::Webhook::new(new_secret().expose()).unwrap();
        stranger.verify(body, &headers).expect_err("another secret");
    }

    #[test]
    fn secrets_are_random_and_never_shown() {
        let (one, other) = (new_secret(), new_secret());
        assert_ne!(one.expose(), other.expose());
        assert_eq!(format!("{one:?}"), "Secret(…)");
        assert!(is_secret(one.expose()));
        for wrong in ["", "whsec_", "whsec_abcd", "sk_live_x", &one.expose()[..40], &one.expose()[6..]] {
            assert!(!is_secret(wrong), "{wrong}");
        }
    }
}
