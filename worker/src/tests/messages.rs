//! What becomes of pushes of the message URL.

use std::time::Duration;

use jiff::Timestamp;
use mandate_schema::{Position, Push, Reach};
use mandate_storage::CommandOutcome;

use super::given::{Given, SIGNED_AT, authorized, message};

const TEST_ACCOUNT: &str = "gh_3c884a361561";
const CODE: &str = "queryauthcode@@@one";

fn text(create_time: i64, to_user: &str, content: &str) -> Push {
    message(create_time, to_user, "text", &format!("<Content>{content}</Content>"))
}

async fn tasks(given: &Given) -> Vec<(String, u64)> {
    let counts = given.worker.storage.task_counts().await.unwrap();
    counts.into_iter().map(|count| (count.kind, count.count)).collect()
}

#[tokio::test]
async fn what_a_user_writes_is_kept_also_if_it_looks_like_the_release_check() {
    let given = Given::new();
    for (at, content) in [(1, "hi"), (2, "TESTCOMPONENT_MSG_TYPE_TEXT"), (3, "QUERY_AUTH_CODE:x")] {
        given.take(text(at, "gh_0a1b2c3d4e5f", content)).await;
    }
    assert_eq!(given.worker.storage.message_count().await.unwrap(), 3);
    assert!(tasks(&given).await.is_empty());
}

#[tokio::test]
async fn a_message_that_came_more_than_an_hour_after_its_signature_is_late_in_the_feed() {
    let given = Given::new();
    let hour = 3_600;
    for (n, seconds, late) in [
        (0, 0, None),
        (1, hour, None),
        (2, hour + 1, Some(true)),
        (3, 70 * hour, Some(true)),
        (4, -hour, None),
    ] {
        let received_at = Timestamp::from_second(SIGNED_AT + seconds).unwrap();
        given.take(Push { received_at, ..text(n, "gh_0a1b2c3d4e5f", "hi") }).await;
        let after = Position(u64::try_from(n).unwrap());
        let page = given.worker.messages.page(after, 9, &Reach::default(), Duration::ZERO).await.unwrap();
        let [message] = page.data.as_slice() else { panic!("{page:?}") };
        let message = serde_json::to_value(message).unwrap();
        assert_eq!(message["data"].get("late").and_then(serde_json::Value::as_bool), late, "{message}");
    }
}

#[tokio::test]
async fn texts_of_the_release_check_are_not_kept_and_its_events_are() {
    let given = Given::new();
    given.take(text(1, TEST_ACCOUNT, "TESTCOMPONENT_MSG_TYPE_TEXT")).await;
    given.take(text(2, TEST_ACCOUNT, &format!("QUERY_AUTH_CODE:{CODE}"))).await;
    assert_eq!(given.worker.storage.message_count().await.unwrap(), 0);
    given.take(message(3, TEST_ACCOUNT, "event", "<Event>LOCATION</Event>")).await;
    assert_eq!(given.worker.storage.message_count().await.unwrap(), 1);
}

#[tokio::test]
async fn a_code_that_comes_with_the_authorization_and_again_with_a_text_is_redeemed_once() {
    let given = Given::new();
    let asked = text(2, TEST_ACCOUNT, &format!("QUERY_AUTH_CODE: {CODE}\n"));
    for push in [authorized(1, CODE), asked.clone(), asked.clone()] {
        given.take(push).await;
    }
    assert_eq!(tasks(&given).await, [("redeem".to_owned(), 1), ("release_reply".to_owned(), 1)]);
    assert_eq!(given.outcome(asked.id).await, Some(CommandOutcome::Nothing), "no event, but an outcome");
    assert_eq!(given.names().await, ["authorization.granted"]);
}

#[tokio::test]
async fn a_code_that_comes_with_a_text_alone_is_redeemed_too() {
    let given = Given::new();
    given.take(text(2, TEST_ACCOUNT, &format!("QUERY_AUTH_CODE:{CODE}"))).await;
    assert_eq!(tasks(&given).await, [("redeem".to_owned(), 1), ("release_reply".to_owned(), 1)]);
    assert!(given.names().await.is_empty(), "what the code is worth is not known yet");
    given.take(authorized(3, CODE)).await;
    assert_eq!(tasks(&given).await, [("redeem".to_owned(), 1), ("release_reply".to_owned(), 1)]);
}
