//! Which attempt at an inspection counts: what works counts from any, what is refused or put off only from the current one.

use jiff::{SignedDuration, Timestamp};
use mandate_domain::{AccessToken, Decision, Status};
use mandate_runtime::stop::Stop;
use mandate_schema::{CodeDigest, CredentialsIssued, CredentialsRejected, Erased, Event, Field, Secret};
use mandate_storage::{Claimed, Company, Ending, TaskState};
use uuid::Uuid;

use super::given::{Given, authorized, component, merchant, stream};
use crate::tasks::{End, Failure, Outcome};

/// A process whose claims end at once, as if it had been away for long.
const LATE: Uuid = Uuid::from_u128(0x1a7e);

fn rejected() -> Decision {
    Decision::event(Event::CredentialsRejected(CredentialsRejected {
        errcode: 61023,
        errmsg: "refresh_token is invalid".into(),
        rid: None,
    }))
}

fn works() -> Decision {
    let code_digest = CodeDigest::of(&Secret::new("queryauthcode@@@1"));
    let issued = Event::CredentialsIssued(CredentialsIssued { generation: 1, code_digest });
    let token = Some(Secret::new("refreshtoken@@@2"));
    let mut decision = Decision::nothing().with_sealed(issued, Field::RefreshToken, token);
    decision.access_token = Some(AccessToken { token: Secret::new("access"), expires_in: 7_200 });
    decision
}

/// An authorizer that is authorized, and two attempts at its inspection, of which the first has lost its claim.
async fn two_attempts() -> (Given, Claimed, Claimed) {
    let given = Given::new();
    given.take(authorized(1_790_000_000, "queryauthcode@@@1")).await;
    let redeem = given.claim(1).await.remove(0);
    let redeemed = works().with_task(mandate_domain::Task::inspect(mandate_domain::Because::Redeemed));
    ends(&given, &redeem, || Outcome::done(Ending::Success, redeemed.clone())).await;
    let lapsed = given.claim_as(LATE, SignedDuration::ZERO, Company::Beside(1)).await.remove(0);
    let current = given.claim(1).await.remove(0);
    assert_eq!((lapsed.id, lapsed.attempt, current.attempt), (current.id, 1, 2));
    (given, lapsed, current)
}

async fn ends(given: &Given, claimed: &Claimed, outcome: impl Fn() -> Outcome + Send + Sync) -> End {
    let runner = given.worker.task_runner(&Stop::new());
    runner.finish(claimed, &stream(), Timestamp::now(), |_| outcome()).await
}

async fn status(given: &Given) -> Status {
    let snapshot = given.worker.log.read(&stream()).await.unwrap();
    snapshot.state.authorizer().unwrap().status
}

const REDEEMED: [&str; 2] = ["authorization.granted", "credentials.issued"];

#[tokio::test]
async fn a_refusal_of_a_lapsed_attempt_is_void_and_the_token_of_the_current_one_is_stored() {
    let (given, lapsed, current) = two_attempts().await;
    ends(&given, &lapsed, || Outcome::done(Ending::Refusal, rejected())).await;
    assert_eq!(given.names().await, REDEEMED);
    assert_eq!(given.tasks("inspect", TaskState::Running).await, 1, "the current attempt goes on");
    ends(&given, &current, || Outcome::done(Ending::Success, works())).await;
    assert_eq!(given.names().await[2..], ["credentials.issued"]);
    assert_eq!(status(&given).await, Status::Authorized);
}

#[tokio::test]
async fn a_token_that_a_lapsed_attempt_found_is_stored_after_the_refusal_of_the_current_one() {
    let (given, lapsed, current) = two_attempts().await;
    ends(&given, &current, || Outcome::done(Ending::Refusal, rejected())).await;
    assert_eq!(status(&given).await, Status::Broken);
    ends(&given, &lapsed, || Outcome::done(Ending::Success, works())).await;
    assert_eq!(given.names().await[2..], ["credentials.rejected", "credentials.issued"]);
    assert_eq!(status(&given).await, Status::Authorized);
}

#[tokio::test]
async fn what_a_lapsed_attempt_puts_off_is_void() {
    let (given, lapsed, current) = two_attempts().await;
    let put_off = || Outcome::put_off(rejected(), Timestamp::now());
    ends(&given, &lapsed, put_off).await;
    assert_eq!(given.names().await, REDEEMED, "another attempt is under way");
    ends(&given, &current, || Outcome::done(Ending::Success, Decision::nothing())).await;
    ends(&given, &lapsed, put_off).await;
    assert_eq!(given.names().await, REDEEMED, "the task has ended: nothing would ask again");
    assert_eq!(status(&given).await, Status::Authorized);
}

#[tokio::test]
async fn what_the_current_attempt_puts_off_is_stored_and_its_task_asks_again() {
    let (given, _, current) = two_attempts().await;
    let at = Timestamp::now();
    let end = ends(&given, &current, || Outcome::put_off(rejected(), at)).await;
    assert!(matches!(end, End::PutOff { at: then } if then == at));
    assert_eq!(given.names().await[2..], ["credentials.rejected"]);
    assert_eq!(given.tasks("inspect", TaskState::Running).await, 1);
    given.worker.storage.retry(current.id, current.attempt, at, "provisional").await.unwrap();
    assert_eq!(given.claim(1).await.remove(0).attempt, 3);
}

#[tokio::test]
async fn nothing_that_was_put_off_comes_after_an_erasure() {
    let (given, lapsed, current) = two_attempts().await;
    let request = Erased { by: "operator".to_owned(), reason: "request".to_owned() };
    given.worker.eraser.erase(&component(), &merchant(), request, true).await.unwrap();
    for late in [lapsed, current] {
        ends(&given, &late, || Outcome::put_off(works(), Timestamp::now())).await;
        assert_eq!(given.names().await.last(), Some(&"authorizer.erased"));
    }
}

#[tokio::test]
async fn calls_that_take_too_long_are_made_again_later() {
    let (given, _, current) = two_attempts().await;
    let runner = given.worker.task_runner(&Stop::new());
    tokio::time::pause();
    let called = runner.in_time(&current, std::future::pending::<Result<(), Failure>>()).await;
    assert!(matches!(called, Err(Failure::Again { reason: "too_slow", .. })));
}
