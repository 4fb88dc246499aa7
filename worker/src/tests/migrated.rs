//! What an earlier version left behind: its tasks are run, its states folded again.

use mandate_domain::{AUTHORIZER_FORM, Because, Refusal, Status, Task};
use mandate_runtime::stop::Stop;
use mandate_schema::{CodeDigest, CreateTime, Secret};

use super::given::{Given, component, stream, ticket};
use crate::Retried;

/// A database of the version before inspections.
const SQLITE_7: &str = include_str!("../../../testdata/databases/sqlite-7.sql");

/// Every task that is due, opened, in the order of their kinds.
async fn due(given: &Given) -> Vec<Task> {
    let runner = given.worker.task_runner(&Stop::new());
    let mut claimed = given.claim(100).await;
    claimed.sort_by(|one, other| one.task.kind.cmp(&other.task.kind));
    let mut tasks = Vec::new();
    for claimed in claimed {
        let Ok(task) = runner.open(&claimed).await else { panic!("{claimed:?} is not readable") };
        tasks.push(task);
    }
    tasks
}

/// What the tasks `confirm`, `profile`, `recover` and `renew` asked.
fn inspections() -> [Task; 4] {
    let refusal = Refusal { errcode: 61009, errmsg: "invalid code".into(), rid: Some("6789-abcd".into()) };
    let digest = CodeDigest::of(&Secret::new("queryauthcode@@@one"));
    [
        Because::Doubt,
        Because::Redeemed,
        Because::RedemptionRefused { digest, refusal: refusal.clone() },
        Because::RefreshRefused { refusal },
    ]
    .map(Task::inspect)
}

#[tokio::test]
async fn tasks_of_the_version_before_are_run_as_inspections() {
    let given = Given::left_behind(SQLITE_7);
    let mut tasks = due(&given).await;
    let Task::Redeem(redeem) = tasks.remove(3) else { panic!("{tasks:?}") };
    assert_eq!(redeem.code, Secret::new("queryauthcode@@@one"));
    assert_eq!(tasks, inspections());
}

#[tokio::test]
async fn tasks_that_the_version_before_gave_up_are_run_again_as_inspections() {
    let given = Given::left_behind(SQLITE_7);
    assert_eq!(due(&given).await.len(), 5, "those that are not dead");
    for letter in given.dead_letters().await {
        assert_eq!(given.worker.dead_letters.retry(letter.letter.command).await.unwrap(), Retried::Revived);
    }
    assert_eq!(due(&given).await, inspections());
}

#[tokio::test]
async fn states_of_the_version_before_are_folded_again() {
    let given = Given::left_behind(SQLITE_7);
    let row = given.worker.storage.state(&stream()).await.unwrap().unwrap();
    assert!(row.form < AUTHORIZER_FORM, "the dump is of an earlier form");
    let snapshot = given.worker.log.read(&stream()).await.unwrap();
    let state = snapshot.state.authorizer().unwrap();
    assert_eq!((state.status, state.generation), (Status::Authorized, 1));
    assert_eq!(state.permissions, [1, 17]);
    let granted_at = state.newest_fact.as_ref().unwrap().time;
    assert_eq!((state.known_to, state.unsure_until), (granted_at, None));
    assert!(state.redemption.as_ref().unwrap().with_token);

    // The next ticket finds the current one, which it repeats.
    let components = mandate_schema::StreamName::Component(component());
    let before = given.worker.log.read(&components).await.unwrap();
    let before = before.state.component().unwrap().clone();
    let later = before.ticket.as_ref().unwrap().create_time.0 + 600;
    given.take(ticket(later, "ticket@@@two")).await;
    let after = given.worker.log.read(&components).await.unwrap();
    let after = after.state.component().unwrap();
    assert_eq!(after.ticket.as_ref().unwrap().create_time, CreateTime(later));
    assert_eq!(after.previous_ticket, before.previous_ticket, "a repeated value replaces nothing");
}
