//! The published and generated vectors, both ways.

use std::path::Path;

use mandate_schema::Secret;
use serde::Deserialize;

use super::{Pair, decrypt, encrypt, sign};
use crate::xml;

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    operation: String,
    token: String,
    encoding_aes_key: String,
    appid: String,
    timestamp: String,
    nonce: String,
    signature: String,
    msg_signature: String,
    encrypted: String,
    random_hex: String,
    plaintext: String,
    envelope_format: Option<String>,
    envelope: Option<String>,
    #[serde(default)]
    decrypt_only: bool,
}

#[derive(Deserialize)]
struct SignatureFile {
    vectors: Vec<SignatureVector>,
}

#[derive(Deserialize)]
struct SignatureVector {
    id: String,
    token: String,
    timestamp: String,
    nonce: String,
    signature: String,
    fourth_part: Option<String>,
    expect: Expect,
}

#[derive(Deserialize)]
struct Expect {
    outcome: String,
}

fn read<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors").join(name);
    let text = std::fs::read_to_string(&path).expect("the vectors are part of the repository");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn random(hex: &str) -> [u8; 16] {
    u128::from_str_radix(hex, 16).expect("16 bytes in hex").to_be_bytes()
}

fn encrypt_text(vector: &Vector) -> String {
    let Some(envelope) = &vector.envelope else { return vector.encrypted.clone() };
    match vector.envelope_format.as_deref() {
        Some("xml") => xml::child_text(envelope, "Encrypt").expect("one Encrypt element"),
        Some("json") => {
            let value: serde_json::Value = serde_json::from_str(envelope).expect("JSON envelope");
            value["Encrypt"].as_str().expect("Encrypt is text").to_owned()
        }
        other => panic!("{}: unknown envelope {other:?}", vector.id),
    }
}

fn check(vector: &Vector) {
    let id = &vector.id;
    let pair =
        Pair::parse(&Secret::new(&*vector.token), &Secret::new(&*vector.encoding_aes_key)).expect("key");
    let text = encrypt_text(vector);
    assert_eq!(text, vector.encrypted, "{id}: Encrypt");
    assert_eq!(pair.signature(&vector.timestamp, &vector.nonce), vector.signature, "{id}: signature");
    assert_eq!(
        pair.msg_signature(&vector.timestamp, &vector.nonce, &text),
        vector.msg_signature,
        "{id}: msg_signature"
    );
    let opened = decrypt(&pair.key, &text, &vector.appid).unwrap_or_else(|error| panic!("{id}: {error}"));
    assert_eq!(opened, vector.plaintext, "{id}: plaintext");
    if !vector.decrypt_only {
        let sealed = encrypt(&pair.key, random(&vector.random_hex), &vector.plaintext, &vector.appid);
        assert_eq!(sealed, vector.encrypted, "{id}: ciphertext");
    }
}

#[test]
fn every_positive_vector_opens_and_seals_to_the_same_text() {
    let files = [
        "peer-component.json",
        "peer-messages.json",
        "peer-replies.json",
        "generated-positive.json",
        "events.json",
    ];
    let mut cases = 0;
    for file in files {
        let vectors = read::<File>(file).vectors;
        for vector in &vectors {
            assert!(["decrypt", "encrypt", "echostr"].contains(&vector.operation.as_str()), "{}", vector.id);
            check(vector);
        }
        cases += vectors.len();
        println!("{file}: {} cases", vectors.len());
    }
    println!("{cases} envelope vectors");
    assert!(cases >= 51, "vectors are missing: {cases}");
}

#[test]
fn every_signature_vector_agrees() {
    let vectors = read::<SignatureFile>("signatures.json").vectors;
    for vector in &vectors {
        let mut parts = vec![vector.token.as_str(), &vector.timestamp, &vector.nonce];
        parts.extend(vector.fourth_part.as_deref());
        let same = sign(&parts) == vector.signature;
        assert_eq!(same, vector.expect.outcome == "ok", "{}", vector.id);
    }
    println!("{} signature vectors", vectors.len());
}
