//! Reads vector files, and makes sure that none of their cases is skipped.

use std::{collections::BTreeMap, fs, path::PathBuf};

use mandate_schema::{ComponentId, Secret};
use mandate_wechat::envelope::{CallbackQuery, EncodingAesKey, EnvelopeError, KeyRing, Opened, Pair};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    schema: String,
    vectors: Vec<Vector>,
}

/// One vector; the README beside the files says what the fields are.
#[derive(Deserialize)]
pub(crate) struct Vector {
    pub(crate) id: String,
    pub(crate) operation: String,
    #[serde(default)]
    pub(crate) token: String,
    #[serde(default)]
    pub(crate) encoding_aes_key: String,
    #[serde(default)]
    pub(crate) appid: String,
    pub(crate) timestamp: String,
    pub(crate) nonce: String,
    pub(crate) signature: String,
    #[serde(default)]
    pub(crate) msg_signature: String,
    #[serde(default)]
    pub(crate) encrypted: String,
    pub(crate) random_hex: Option<String>,
    pub(crate) plaintext: Option<String>,
    pub(crate) key_last_char_canonical: Option<bool>,
    pub(crate) envelope_format: Option<String>,
    pub(crate) envelope: Option<String>,
    pub(crate) url: Option<String>,
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) decrypt_only: bool,
    pub(crate) fourth_part: Option<String>,
    pub(crate) keyring: Option<Keyring>,
    pub(crate) reply: Option<Reply>,
    pub(crate) expect: Expect,
}

#[derive(Deserialize)]
pub(crate) struct Keyring {
    pub(crate) tokens: Vec<Named>,
    pub(crate) keys: Vec<Named>,
}

#[derive(Deserialize)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) value: String,
}

#[derive(Deserialize)]
pub(crate) struct Reply {
    pub(crate) plaintext: String,
    pub(crate) random_hex: String,
    pub(crate) timestamp: String,
    pub(crate) nonce: String,
    pub(crate) encrypted: String,
    pub(crate) msg_signature: String,
}

#[derive(Deserialize)]
pub(crate) struct Expect {
    pub(crate) outcome: String,
    pub(crate) error: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) key: Option<String>,
    #[serde(default)]
    pub(crate) per_key_errors: BTreeMap<String, String>,
}

impl Vector {
    pub(crate) fn key(&self) -> Result<EncodingAesKey, EnvelopeError> {
        EncodingAesKey::parse(&Secret::new(self.encoding_aes_key.as_str()))
    }

    /// The query that a component would get with this vector.
    pub(crate) fn query(&self) -> Result<CallbackQuery, EnvelopeError> {
        let Self { timestamp, nonce, signature, msg_signature, .. } = self;
        CallbackQuery::parse(&format!(
            "signature={signature}&timestamp={timestamp}&nonce={nonce}&encrypt_type=aes&msg_signature={msg_signature}"
        ))
    }

    pub(crate) fn ring(&self) -> Result<KeyRing, EnvelopeError> {
        let pair = Pair::new(Secret::new(self.token.as_str()), self.key()?).unwrap();
        Ok(KeyRing::new(self.component(), vec![pair]).unwrap())
    }

    pub(crate) fn component(&self) -> ComponentId {
        ComponentId::parse(&self.appid).unwrap()
    }

    /// What ingress does with a push.
    pub(crate) fn open(&self) -> Result<Opened, EnvelopeError> {
        let query = self.query()?;
        self.ring()?.open(&query, self.envelope.as_deref().unwrap_or_default().as_bytes())
    }

    pub(crate) fn random(&self) -> [u8; 16] {
        random(self.random_hex.as_deref().unwrap())
    }

    pub(crate) fn plaintext(&self) -> &str {
        self.plaintext.as_deref().unwrap()
    }
}

/// 16 bytes from hex.
pub(crate) fn random(hex: &str) -> [u8; 16] {
    assert_eq!(hex.len(), 32);
    u128::from_str_radix(hex, 16).unwrap().to_be_bytes()
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors"))
}

/// How many vectors the README's table gives this file.
fn promised(file: &str) -> usize {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let row = readme.lines().find(|line| line.starts_with(&format!("| `{file}` |"))).unwrap();
    row.split('|').nth(2).unwrap().trim().parse().unwrap()
}

/// Runs `case` on every vector of a file, says how many there were, and compares with the README.
#[track_caller]
#[expect(clippy::print_stdout, reason = "the count of cases belongs to the output of the test")]
pub(crate) fn run(file: &str, case: impl Fn(&Vector)) {
    let text = fs::read_to_string(folder().join(file)).unwrap();
    let content: File = serde_json::from_str(&text).unwrap();
    assert_eq!(content.schema, "wechat-vector/1");
    for vector in &content.vectors {
        println!("{file}: {}", vector.id);
        case(vector);
    }
    println!("{file}: {} cases", content.vectors.len());
    assert_eq!(content.vectors.len(), promised(file));
}
