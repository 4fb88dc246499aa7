//! How long access tokens are said to live, whatever happened to the clock since they were stored.

use jiff::{SignedDuration, Timestamp};
use mandate_schema::{Place, SealedText, Secret, StreamName};

use super::given::{Given, component, ticket};
use crate::log::access_token::Stored;

const TOKEN: &str = "84_the-token of the component";

async fn given() -> Given {
    let given = Given::new();
    given.take(ticket(10, "ticket@@@1")).await;
    given
}

fn stream() -> StreamName {
    StreamName::Component(component())
}

/// Puts a token into the row as a process would that called `WeChat` then.
async fn store(given: &Given, sealed: SealedText, expires_at: Timestamp) {
    let (storage, now) = (&given.worker.storage, Timestamp::now());
    let lease =
        storage.lease_token(&stream(), now, now + SignedDuration::from_secs(9)).await.unwrap().unwrap();
    assert!(storage.store_token(&stream(), &lease, sealed, expires_at).await.unwrap());
}

#[tokio::test]
async fn a_token_never_lives_longer_than_wechat_gave_it() {
    // When it was called, seen from now: before, and later, as after a clock was set back.
    for (life, called) in [(7_200, -100), (7_200, 0), (7_200, 250), (600, 200), (600, -100), (600, 299)] {
        let given = given().await;
        let vault = &given.worker.log.vault;
        let key = vault.key(&stream(), 1).await.unwrap().unwrap();
        let called_at = Timestamp::now() + SignedDuration::from_secs(called);
        let Stored { sealed, expires_at } =
            Stored::new(vault, &key, (&stream(), 0), (&Secret::new(TOKEN), life), called_at);
        store(&given, sealed, expires_at).await;
        for _ in 0..3 {
            // From the row, and then as it is remembered.
            let token = given.worker.tokens.component_token(&component()).await.unwrap();
            let (now, life) = (Timestamp::now(), i64::try_from(life).unwrap());
            assert_eq!(token.token.expose(), TOKEN);
            assert!(token.expires_in(now) <= life, "{life} {called}: {}", token.expires_in(now));
            assert!(token.ends_at(now) <= now + SignedDuration::from_secs(life), "{life} {called}");
            assert!(token.expires_in(now) >= life + called.min(0) - 60, "{life} {called}");
        }
    }
}

#[tokio::test]
async fn a_token_that_was_stored_without_its_life_is_read_and_lives_two_hours_at_most() {
    for left in [100, 7_000, 7_400] {
        let given = given().await;
        let vault = &given.worker.log.vault;
        let key = vault.key(&stream(), 1).await.unwrap().unwrap();
        let stream = stream();
        let place = Place { stream: &stream, version: 0, kind: "token", field: "access_token", form: 1 };
        let sealed = vault.seal(&key, place, &Secret::new(TOKEN));
        store(&given, sealed, Timestamp::now() + SignedDuration::from_secs(left)).await;
        let token = given.worker.tokens.component_token(&component()).await.unwrap();
        let said = token.expires_in(Timestamp::now());
        assert_eq!(token.token.expose(), TOKEN);
        assert!((left.min(7_200) - 60..=left.min(7_200)).contains(&said), "{left}: {said}");
    }
}

#[tokio::test]
async fn a_token_from_beyond_a_clock_that_was_set_back_is_not_given_out() {
    let given = given().await;
    let vault = &given.worker.log.vault;
    let key = vault.key(&stream(), 1).await.unwrap().unwrap();
    let called_at = Timestamp::now() + SignedDuration::from_hours(3);
    let Stored { sealed, expires_at } =
        Stored::new(vault, &key, (&stream(), 0), (&Secret::new(TOKEN), 7_200), called_at);
    store(&given, sealed, expires_at).await;
    // Another one is fetched, which nobody answers here.
    assert!(given.worker.tokens.component_token(&component()).await.is_err());
}
