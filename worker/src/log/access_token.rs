//! An access token in use, and the form in which it is stored: sealed together with the life that `WeChat` gave it.

use jiff::{SignedDuration, Timestamp};
use mandate_schema::{DataKey, Place, SealedText, Secret, StreamName};

use super::vault::{Vault, VaultError};

/// A token with less life than this is not given out.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// No token is believed to live longer, in seconds.
const LIFE_MAX: u64 = 86_400;
/// What `WeChat` always gives: the life of a token that was stored before its life was stored with it.
const LIFE_USUAL: SignedDuration = SignedDuration::from_secs(7_200);
/// A token from further in the future was stored before a clock was set back, and nobody knows how old it is.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(5);

/// An access token in use.
#[derive(Clone, Debug)]
pub struct HeldToken {
    /// The token.
    pub token: Secret,
    /// When it expires, by the clock of whoever stored it.
    expires_at: Timestamp,
    /// How long it lives altogether.
    life: SignedDuration,
    /// Its sealed form, which says later whether it is still the stored one.
    pub(crate) sealed: SealedText,
}

impl HeldToken {
    /// Seconds that it has to live: never more than `WeChat` gave it, whatever the clock was set to since.
    pub fn expires_in(&self, now: Timestamp) -> i64 {
        self.ends_at(now).duration_since(now).as_secs().max(0)
    }

    /// When it expires.
    pub fn ends_at(&self, now: Timestamp) -> Timestamp {
        now.checked_add(self.life).map_or(self.expires_at, |latest| latest.min(self.expires_at))
    }

    pub(crate) fn is_usable(&self, now: Timestamp) -> bool {
        let lives_on = self.expires_at >= now + MARGIN;
        lives_on && self.expires_at.duration_since(now) <= self.life + CLOCKS_APART
    }

    /// Opens what a row holds; `None`: its key was destroyed.
    pub(crate) async fn open(
        vault: &Vault,
        stream: &StreamName,
        generation: u64,
        (sealed, expires_at): &(SealedText, Timestamp),
    ) -> Result<Option<Self>, VaultError> {
        let (token, life) = match vault.open(place(stream, generation, WITH_ITS_LIFE), sealed).await {
            Ok(None) => return Ok(None),
            Ok(Some(text)) => split(&text),
            // Stored by a version that did not know how long it lives.
            Err(VaultError::Seal(_)) => match vault.open(place(stream, generation, ALONE), sealed).await? {
                Some(token) => (token, LIFE_USUAL),
                None => return Ok(None),
            },
            Err(error) => return Err(error),
        };
        Ok(Some(Self { token, expires_at: *expires_at, life, sealed: sealed.clone() }))
    }
}

/// A token as it is stored, with when it expires.
pub(crate) struct Stored {
    pub(crate) sealed: SealedText,
    pub(crate) expires_at: Timestamp,
}

impl Stored {
    /// A token that `WeChat` gave so many seconds, when it was called at this time.
    pub(crate) fn new(
        vault: &Vault,
        key: &DataKey,
        (stream, generation): (&StreamName, u64),
        (token, seconds): (&Secret, u64),
        called_at: Timestamp,
    ) -> Self {
        let seconds = seconds.min(LIFE_MAX);
        let life = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or_default());
        let text = Secret::new(format!("{seconds} {}", token.expose()));
        Self {
            sealed: vault.seal(key, place(stream, generation, WITH_ITS_LIFE), &text),
            expires_at: called_at.checked_add(life).unwrap_or(called_at),
        }
    }
}

/// Forms of the sealed text: the token alone; seconds, a space, the token.
const ALONE: u16 = 1;
const WITH_ITS_LIFE: u16 = 2;

/// The place of an access token in the token table.
fn place(stream: &StreamName, generation: u64, form: u16) -> Place<'_> {
    Place { stream, version: generation, kind: "token", field: "access_token", form }
}

fn split(text: &Secret) -> (Secret, SignedDuration) {
    let (seconds, token) = text.expose().split_once(' ').unwrap_or(("", text.expose()));
    let seconds = seconds.parse().map(SignedDuration::from_secs);
    (Secret::new(token), seconds.unwrap_or(LIFE_USUAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn sealed() -> SealedText {
        let key = DataKey::new(1, &[7; 32]);
        let stream = StreamName::Component("wx1f2e3d4c5b6a7988".parse().unwrap());
        key.seal(place(&stream, 1, WITH_ITS_LIFE), &Secret::new("x"), [0; 12])
    }

    /// A token that was given at 0.
    fn token(life: i64) -> HeldToken {
        let life_of = SignedDuration::from_secs(life);
        HeldToken { token: Secret::new("t"), expires_at: at(life), life: life_of, sealed: sealed() }
    }

    #[test]
    fn whatever_the_clock_does_a_token_has_no_more_life_than_it_was_given() {
        for life in [0, 61, 600, 7_200, 86_400] {
            for now in [-400_000_000, -86_400, -3_600, -301, -1, 0, 1, 599, 7_199, 7_200, 1_000_000] {
                let (token, left) = (token(life), token(life).expires_in(at(now)));
                assert!((0..=life).contains(&left), "{life} s, seen from {now}: {left}");
                let until = token.ends_at(at(now)).duration_since(at(now)).as_secs();
                assert!(until <= life, "{life} s, seen from {now}: until {until}");
                assert!(now < 0 || left == (life - now).max(0), "{life} s, seen from {now}: {left}");
            }
        }
    }

    #[test]
    fn a_token_whose_age_nobody_knows_is_not_given_out() {
        for (now, usable) in
            [(-3_600, false), (-301, false), (-300, true), (0, true), (7_140, true), (7_141, false)]
        {
            assert_eq!(token(7_200).is_usable(at(now)), usable, "{now}");
        }
    }

    #[test]
    fn the_stored_text_is_seconds_and_token() {
        let of = |text: &str| {
            let (token, life) = split(&Secret::new(text));
            (token.expose().to_owned(), life.as_secs())
        };
        assert_eq!(of("600 84_abc"), ("84_abc".to_owned(), 600));
        assert_eq!(of("0 a b"), ("a b".to_owned(), 0));
    }
}
