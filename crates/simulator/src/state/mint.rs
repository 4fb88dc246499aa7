//! Random values: tickets, codes, tokens, ids. Repeatable when seeded.

use std::collections::VecDeque;

use serde::Serialize;

use crate::switches::ValueLength;

/// How many issued values are remembered for secret scans.
const ISSUED_MAX: usize = 500_000;
const BASE64_URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What kind of secret a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretKind {
    /// `component_verify_ticket`.
    Ticket,
    /// `component_access_token`.
    ComponentAccessToken,
    /// `pre_auth_code`.
    PreAuthCode,
    /// `authorization_code`.
    AuthorizationCode,
    /// `authorizer_access_token`.
    AuthorizerAccessToken,
    /// `authorizer_refresh_token`.
    RefreshToken,
}

impl SecretKind {
    /// Prefix, and characters behind it, as they were observed.
    fn shape(self) -> (&'static str, usize) {
        match self {
            Self::Ticket => ("ticket@@@", 86),
            Self::ComponentAccessToken => ("83_", 133),
            Self::PreAuthCode => ("preauthcode@@@", 86),
            Self::AuthorizationCode => ("queryauthcode@@@", 86),
            Self::AuthorizerAccessToken => ("84_", 133),
            Self::RefreshToken => ("refreshtoken@@@", 43),
        }
    }
}

/// A secret value that the simulator has issued. For scans: it shows the value.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct IssuedSecret {
    /// What it is.
    pub kind: SecretKind,
    /// The value itself.
    pub value: String,
}

impl std::fmt::Debug for IssuedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedSecret").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Makes values and remembers the secret ones.
pub(crate) struct Mint {
    rng: fastrand::Rng,
    issued: VecDeque<IssuedSecret>,
    forgotten: u64,
}

impl Mint {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let rng = seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        Self { rng, issued: VecDeque::new(), forgotten: 0 }
    }

    /// A secret of a kind, remembered.
    pub(crate) fn secret(&mut self, kind: SecretKind, length: ValueLength) -> String {
        let (prefix, usual) = kind.shape();
        let count = match length {
            ValueLength::Normal => usual,
            ValueLength::Long => 600,
        };
        let value = format!("{prefix}{}", self.characters(count));
        if self.issued.len() == ISSUED_MAX {
            self.issued.pop_front();
            self.forgotten += 1;
        }
        self.issued.push_back(IssuedSecret { kind, value: value.clone() });
        value
    }

    /// Everything issued, and how many values were forgotten because there were too many.
    pub(crate) fn issued(&self) -> (Vec<IssuedSecret>, u64) {
        (self.issued.iter().cloned().collect(), self.forgotten)
    }

    /// Characters of the URL-safe base64 alphabet.
    pub(crate) fn characters(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(BASE64_URL[self.rng.usize(..BASE64_URL.len())])).collect()
    }

    /// Lower-case hex digits.
    pub(crate) fn hex(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from_digit(self.rng.u32(..16), 16).expect("below 16")).collect()
    }

    /// Decimal digits, the first not zero.
    pub(crate) fn digits(&mut self, count: usize) -> String {
        let first = self.rng.u32(1..10);
        let others = (1..count).map(|_| self.rng.u32(..10)).collect::<Vec<_>>();
        std::iter::once(first)
            .chain(others)
            .map(|digit| char::from_digit(digit, 10).expect("below 10"))
            .collect()
    }

    /// The 16 bytes in front of a message: lower-case hex digits, as `WeChat` sends them.
    pub(crate) fn random_prefix(&mut self) -> [u8; 16] {
        let digits = self.hex(16);
        digits.as_bytes().try_into().expect("16 ASCII characters")
    }

    /// 32 bytes for a key that nobody has.
    pub(crate) fn key_bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.rng.fill(&mut bytes);
        bytes
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.rng.f64() < probability
    }
}
