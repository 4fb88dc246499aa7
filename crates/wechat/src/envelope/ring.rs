//! The tokens and keys in force, and what they open.

use std::sync::Arc;

use mandate_schema::{ComponentId, PairId, Secret};

use super::{CallbackQuery, EnvelopeError, KeyRingError, outer};
use crate::{
    cipher::{self, CipherError},
    key::EncodingAesKey,
    signature,
};

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
    /// The decrypted message text. It holds tickets and codes, so it is a secret as a whole.
    pub plaintext: Secret,
    /// The token and the key that opened it; a combination of two configured pairs is possible.
    pub pair: PairId,
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

    /// Opens a push: checks `encrypt_type`, reads the outer XML, finds the token that signed it, then the key that
    /// decrypts it for this component. The inner XML is not looked at.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError`], the first check that fails. With one key the key's own error, with several
    /// [`EnvelopeError::DecryptFailed`].
    pub fn open(&self, query: &CallbackQuery, body: &[u8]) -> Result<Opened, EnvelopeError> {
        if query.encrypt_type.as_deref() != Some("aes") {
            return Err(EnvelopeError::NotEncrypted);
        }
        let encrypt = outer::ciphertext(body)?;
        let token = self.signer(query, &encrypt).ok_or(EnvelopeError::BadSignature)?;
        let (plaintext, key) = self.decrypt(&encrypt)?;
        let matched = Pair::combine(token.clone(), Arc::clone(key));
        Ok(Opened { plaintext, pair: matched.id, matched })
    }

    /// The first token that gives the query's signature.
    fn signer(&self, query: &CallbackQuery, encrypt: &str) -> Option<&Secret> {
        let CallbackQuery { timestamp, nonce, msg_signature, encrypt_type: _ } = query;
        let signs =
            |token: &Secret| signature::verify(&[token.expose(), timestamp, nonce, encrypt], msg_signature);
        self.tokens.iter().find(|token| signs(token))
    }

    /// The message, and the first key that decrypts it.
    fn decrypt(&self, encrypt: &str) -> Result<(Secret, &Arc<EncodingAesKey>), EnvelopeError> {
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

    /// Seals a passive reply under the very pair that opened the push, and returns the response body.
    ///
    /// Only a reply with content is sealed; the word `success` and an empty body go as they are. `random` must be 16 fresh
    /// random bytes, `timestamp` is our clock in Unix seconds, `nonce` our own or the push's.
    pub fn seal_reply(
        &self,
        opened: &Opened,
        reply_xml: &str,
        random: [u8; 16],
        timestamp: i64,
        nonce: &str,
    ) -> String {
        let Pair { token, key, id: _ } = &opened.matched;
        let encrypt = cipher::encrypt(key, self.component.as_str(), random, reply_xml);
        let msg_signature = signature::sign(&[token.expose(), &timestamp.to_string(), nonce, &encrypt]);
        outer::reply(&encrypt, &msg_signature, timestamp, nonce)
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
