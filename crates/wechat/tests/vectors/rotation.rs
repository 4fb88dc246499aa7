//! Two tokens and two keys in force at once.

use mandate_schema::{PairId, Secret};
use mandate_wechat::{
    envelope::{EncodingAesKey, EnvelopeError, KeyRing, Opened, Pair},
    xml,
};

use crate::support::{Keyring, Named, Reply, Vector, random, run};

#[test]
fn the_matching_pair_opens_the_push_and_seals_the_reply() {
    run("rotation.json", |vector| {
        let keyring = vector.keyring.as_ref().unwrap();
        let ring = ring(vector, keyring);
        let envelope = vector.envelope.as_deref().unwrap();
        match ring.open(&vector.query().unwrap(), envelope.as_bytes()) {
            Ok(opened) => check_opened(vector, keyring, &ring, &opened),
            Err(error) => check_refused(vector, keyring, &error),
        }
    });
}

fn ring(vector: &Vector, keyring: &Keyring) -> KeyRing {
    let pairs = keyring.tokens.iter().zip(&keyring.keys);
    let pairs = pairs.map(|(token, k)| Pair::new(Secret::new(token.value.as_str()), key(k)).unwrap());
    KeyRing::new(vector.component(), pairs.collect()).unwrap()
}

fn key(key: &Named) -> EncodingAesKey {
    EncodingAesKey::parse(&Secret::new(key.value.as_str())).unwrap()
}

fn named<'a>(list: &'a [Named], name: Option<&String>) -> &'a Named {
    list.iter().find(|entry| Some(&entry.name) == name).unwrap()
}

fn check_opened(vector: &Vector, keyring: &Keyring, ring: &KeyRing, opened: &Opened) {
    assert_eq!(vector.expect.outcome, "ok", "{}", vector.id);
    assert_eq!(opened.plaintext.bytes(), vector.plaintext().as_bytes(), "{}", vector.id);
    let token = named(&keyring.tokens, vector.expect.token.as_ref());
    let matched = key(named(&keyring.keys, vector.expect.key.as_ref()));
    assert_eq!(opened.pair, PairId::of(&Secret::new(token.value.as_str()), matched.bytes()));
    assert!(ring.knows(opened.pair));
    check_reply(vector.reply.as_ref().unwrap(), ring, opened);
}

fn check_reply(reply: &Reply, ring: &KeyRing, opened: &Opened) {
    let timestamp = reply.timestamp.parse().unwrap();
    let body = ring.seal_reply(opened, &reply.plaintext, random(&reply.random_hex), timestamp, &reply.nonce);
    let sealed = xml::parse(&body).unwrap();
    let texts: Vec<_> =
        sealed.children.iter().map(|child| (child.name.as_str(), child.text.as_str())).collect();
    let expected = [
        ("Encrypt", reply.encrypted.as_str()),
        ("MsgSignature", &reply.msg_signature),
        ("TimeStamp", &reply.timestamp),
        ("Nonce", &reply.nonce),
    ];
    assert_eq!(texts, expected);
}

fn check_refused(vector: &Vector, keyring: &Keyring, error: &EnvelopeError) {
    assert_eq!(Some(error.kind()), vector.expect.error.as_deref(), "{}", vector.id);
    if let EnvelopeError::DecryptFailed { per_key } = error {
        let kinds: Vec<_> = per_key.iter().map(|error| error.kind()).collect();
        let expected: Vec<_> =
            keyring.keys.iter().map(|key| vector.expect.per_key_errors[&key.name].as_str()).collect();
        assert_eq!(kinds, expected, "{}", vector.id);
    }
}
