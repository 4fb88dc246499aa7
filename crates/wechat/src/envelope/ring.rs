//! The tokens and keys in force, and what they open.

use std::sync::Arc;

use mandate_schema::{ComponentId, PairId, Secret};

use super::{
    CallbackQuery, CipherError, EncodingAesKey, EnvelopeError, KeyRingError, Plaintext, cipher,
    outer::{self, Outer},
};
use crate::{form::Form, signature};

/// One (token, key) pair of the configuration. Cheap to clone; shows only its id.
#[derive(Clone, Debug)]
pub struct Pair {
    token: Secret,
    key: Arc<EncodingAesKey>,
    id: PairId,
}

impl Pair {
    /// Pairs a message-check token with a key.
    ///
    /// # Errors
    ///
    /// [`KeyRingError::EmptyToken`]: with it anybody could sign.
    pub fn new(token: Secret, key: EncodingAesKey) -> Result<Self, KeyRingError> {
        if token.is_empty() {
            return Err(KeyRingError::EmptyToken);
        }
        Ok(Self::combine(token, Arc::new(key)))
    }

    fn combine(token: Secret, key: Arc<EncodingAesKey>) -> Self {
        let id = PairId::of(&token, key.bytes());
        Self { token, key, id }
    }

    /// Names the pair without giving it away.
    pub fn id(&self) -> PairId {
        self.id
    }
}

/// All pairs of one component in force, the current one first.
///
/// Several are in force while settings change: accounts of the test list switch at once, all others with the next
/// release. Token and key can change apart from each other, so every token is tried with every key.
#[derive(Clone, Debug)]
pub struct KeyRing {
    component: ComponentId,
    tokens: Vec<Secret>,
    keys: Vec<Arc<EncodingAesKey>>,
    ids: Vec<PairId>,
}

/// What a push held.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The decrypted message.
    pub plaintext: Plaintext,
    /// The token and the key that opened it; a combination of two configured pairs is possible.
    pub pair: PairId,
    /// The form that it came in, and in which a reply is sealed.
    pub form: Form,
    /// Bytes of the text that was signed.
    pub(super) signed_bytes: usize,
    matched: Pair,
}

impl KeyRing {
    /// Makes a ring of at least one pair, the current one first.
    ///
    /// # Errors
    ///
    /// [`KeyRingError::NoPairs`].
    pub fn new(component: ComponentId, pairs: Vec<Pair>) -> Result<Self, KeyRingError> {
        if pairs.is_empty() {
            return Err(KeyRingError::NoPairs);
        }
        let mut ring = Self { component, tokens: Vec::new(), keys: Vec::new(), ids: Vec::new() };
        for Pair { token, key, id: _ } in pairs {
            if !ring.tokens.contains(&token) {
                ring.tokens.push(token);
            }
            // Up to four spellings give the same key, so the bytes are compared.
            if !ring.keys.iter().any(|known| known.bytes() == key.bytes()) {
                ring.keys.push(key);
            }
        }
        let combinations = ring.tokens.iter().flat_map(|t| ring.keys.iter().map(move |k| (t, k)));
        ring.ids = combinations.map(|(token, key)| PairId::of(token, key.bytes())).collect();
        Ok(ring)
    }

    /// The component whose pairs these are.
    pub fn component(&self) -> &ComponentId {
        &self.component
    }

    /// Whether this is a token and a key of the ring, in any combination.
    pub fn knows(&self, pair: PairId) -> bool {
        self.ids.contains(&pair)
    }

    /// Opens a push: checks `encrypt_type`, reads the outer document, finds the token that signed it, then the key that
    /// decrypts it for this component. The inner document is not looked at.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError`], the first check that fails. With one key the key's own error, with several
    /// [`EnvelopeError::DecryptFailed`].
    pub fn open(&self, query: &CallbackQuery, body: &[u8]) -> Result<Opened, EnvelopeError> {
        self.open_outer(query, &query.outer(body)?)
    }

    fn open_outer(&self, query: &CallbackQuery, outer: &Outer) -> Result<Opened, EnvelopeError> {
        let (token, signed) = self.signer(query, &outer.encrypt).ok_or(EnvelopeError::BadSignature)?;
        let (plaintext, key) = self.decrypt(&outer.encrypt)?;
        let matched = Pair::combine(token.clone(), Arc::clone(key));
        Ok(Opened { plaintext, pair: matched.id, form: outer.form, signed_bytes: signed.len(), matched })
    }

    /// The first token that gives the query's signature over the text as received, else over the text without white space around
    /// it, and the text that it signed.
    fn signer<'t>(&self, query: &CallbackQuery, encrypt: &'t str) -> Option<(&Secret, &'t str)> {
        let CallbackQuery { timestamp, nonce, msg_signature, encrypt_type: _ } = query;
        let signer_of = |text: &'t str| {
            let signs =
                |token: &Secret| signature::verify(&[token.expose(), timestamp, nonce, text], msg_signature);
            self.tokens.iter().find(|token| signs(token)).map(|token| (token, text))
        };
        let trimmed = encrypt.trim();
        signer_of(encrypt).or_else(|| (trimmed != encrypt).then(|| signer_of(trimmed)).flatten())
    }

    /// The message, and the first key that decrypts it.
    fn decrypt(&self, encrypt: &str) -> Result<(Plaintext, &Arc<EncodingAesKey>), EnvelopeError> {
        let ciphertext = cipher::decode(encrypt)?;
        let mut per_key = Vec::new();
        for key in &self.keys {
            match cipher::decrypt_bytes(key, self.component.as_str(), ciphertext.clone()) {
                Ok(plaintext) => return Ok((plaintext, key)),
                Err(error) => per_key.push(error),
            }
        }
        Err(no_key_fits(per_key))
    }

    /// Seals a passive reply under the very pair that opened the push, in the form that the push came in, and returns the
    /// response body.
    ///
    /// Only a reply with content is sealed; the word `success` and an empty body go as they are. `random` must be 16 fresh
    /// random bytes, `timestamp` is our clock in Unix seconds, `nonce` our own or the push's.
    pub fn seal_reply(
        &self,
        opened: &Opened,
        reply: &str,
        random: [u8; 16],
        timestamp: i64,
        nonce: &str,
    ) -> String {
        let Pair { token, key, id: _ } = &opened.matched;
        let encrypt = cipher::encrypt(key, self.component.as_str(), random, reply);
        let msg_signature = signature::sign(&[token.expose(), &timestamp.to_string(), nonce, &encrypt]);
        outer::reply(opened.form, &encrypt, &msg_signature, timestamp, nonce)
    }
}

/// Why none of several components has opened a push.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct NobodyOpens {
    /// What was wrong: at the first component whose token signed it, if there is one.
    pub error: EnvelopeError,
    /// The only component whose token signed it; `None` if there is none, or more than one.
    pub signer: Option<ComponentId>,
}

/// Opens a push that came to a URL of several components: pair and appid behind the message tell whose it is, for two of them may
/// have the same token, and the same key.
///
/// # Errors
///
/// [`NobodyOpens`].
pub fn open_shared<'r>(
    rings: impl IntoIterator<Item = &'r KeyRing>,
    query: &CallbackQuery,
    body: &[u8],
) -> Result<(&'r KeyRing, Opened), NobodyOpens> {
    let outer = query.outer(body).map_err(|error| NobodyOpens { error, signer: None })?;
    let mut failed = Vec::new();
    for ring in rings {
        match ring.open_outer(query, &outer) {
            Ok(opened) => return Ok((ring, opened)),
            Err(EnvelopeError::BadSignature) => {}
            Err(error) => failed.push((ring, error)),
        }
    }
    let signer = match failed.as_slice() {
        [(only, _)] => Some(only.component.clone()),
        _ => None,
    };
    let error = failed.into_iter().next().map_or(EnvelopeError::BadSignature, |(_, error)| error);
    Err(NobodyOpens { error, signer })
}

impl CallbackQuery {
    /// The outer document of an encrypted push.
    fn outer(&self, body: &[u8]) -> Result<Outer, EnvelopeError> {
        // Seen in both cases.
        if self.encrypt_type.as_deref().is_none_or(|kind| !kind.eq_ignore_ascii_case("aes")) {
            return Err(EnvelopeError::NotEncrypted);
        }
        Outer::read(body)
    }
}

fn no_key_fits(per_key: Vec<CipherError>) -> EnvelopeError {
    match per_key.as_slice() {
        [only] => (*only).into(),
        _ => EnvelopeError::DecryptFailed { per_key },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 2] =
        ["EVB6Di9eadXfpApiob17buV+a82FxnybhDGzb/8hxDc", "y6BrVzb69n5UsHtWHq6UOV53TFF6fZEKVDaeEmPM+9Q"];
    /// The first key with other unused bits in its last character.
    const FIRST_KEY_RESPELT: &str = "EVB6Di9eadXfpApiob17buV+a82FxnybhDGzb/8hxDd";

    fn pair(token: &str, key: &str) -> Pair {
        Pair::new(Secret::new(token), EncodingAesKey::parse(&Secret::new(key)).unwrap()).unwrap()
    }

    fn ring(pairs: Vec<Pair>) -> KeyRing {
        KeyRing::new(ComponentId::parse("wx1f2e3d4c5b6a7988").unwrap(), pairs).unwrap()
    }

    #[test]
    fn a_ring_needs_a_pair_and_a_pair_a_token() {
        let component = ComponentId::parse("wx1f2e3d4c5b6a7988").unwrap();
        assert_eq!(KeyRing::new(component, Vec::new()).err(), Some(KeyRingError::NoPairs));
        let key = EncodingAesKey::parse(&Secret::new(KEYS[0])).unwrap();
        assert_eq!(Pair::new(Secret::new(""), key).err(), Some(KeyRingError::EmptyToken));
    }

    #[test]
    fn every_token_is_known_with_every_key_and_nothing_else() {
        let ring = ring(vec![pair("new", KEYS[0]), pair("old", KEYS[1])]);
        for (token, key) in [("new", 0), ("new", 1), ("old", 0), ("old", 1)] {
            assert!(ring.knows(pair(token, KEYS[key]).id()), "{token} {key}");
        }
        assert!(!ring.knows(pair("other", KEYS[0]).id()));
    }

    #[test]
    fn two_spellings_of_one_key_count_once() {
        let ring = ring(vec![pair("t", KEYS[0]), pair("t", FIRST_KEY_RESPELT)]);
        assert_eq!((ring.tokens.len(), ring.keys.len(), ring.ids.len()), (1, 1, 1));
    }

    #[test]
    fn debug_never_shows_a_token_or_a_key() {
        let shown = format!("{:?}", ring(vec![pair("NewToken2025", KEYS[0])]));
        assert!(!shown.contains("NewToken2025") && !shown.contains("EVB6"), "{shown}");
        let bytes = format!("{:?}", &pair("t", KEYS[0]).key.bytes()[..4]);
        assert!(!shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");
    }
}
