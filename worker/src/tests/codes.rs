//! One code on several paths: browser, callback, notice, release check. Whatever comes in whichever order, its redeem task is the one
//! truth about it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mandate_domain::{Because, Refusal, Status, Task};
use mandate_runtime::stop::Stop;
use mandate_schema::{Erased, Event, GrantedVia, Push, Secret};
use mandate_storage::{Claimed, CommandOutcome, Company, TaskDone, TaskState};
use mandate_wechat::{
    api::{AuthorizationInfo, QueryAuthReply},
    release_check::TEST_ACCOUNTS,
};
use uuid::Uuid;

use super::{
    consent::{COOKIE, visit},
    given::{Given, authorized, component, merchant, message, push, stream},
};
use crate::{
    Retried,
    consent::ConsentResult,
    log::record::redeem_key,
    tasks::TaskRunner,
    tasks::{End, Failure, UnderWay},
};

const CODE: &str = "queryauthcode@@@1";
const PRE_AUTH: &str = "preauthcode@@@1";
/// Numbers by which `WeChat` refuses a code for good.
const REFUSALS: [i64; 5] = [61009, 61010, 61003, 48001, 99_999];
/// A process whose claims end at once, as if it had been away for long.
const LATE: Uuid = Uuid::from_u128(0x1a7e);

impl Given {
    async fn lands(&self, state: &str) -> mandate_storage::ConsentVisit {
        let (cookie, code) = (Secret::new(COOKIE), Secret::new(CODE));
        self.worker.consents.land(state, Some(&cookie), Some(code)).await.unwrap()
    }

    /// A browser with the tag `spring` brings the code.
    async fn browser(&self) {
        let state = visit(self, &Secret::new(PRE_AUTH)).await;
        self.lands(&state).await;
    }

    async fn late(&self) -> Claimed {
        self.claim_as(LATE, SignedDuration::ZERO, Company::Beside(1)).await.remove(0)
    }

    async fn redeem(&self) -> TaskDone {
        let key = redeem_key(&component(), mandate_schema::CodeDigest::of(&Secret::new(CODE)));
        self.worker.storage.task_by_key(&key).await.unwrap().unwrap()
    }

    async fn status(&self) -> Option<Status> {
        let snapshot = self.worker.log.read(&stream()).await.unwrap();
        snapshot.state.authorizer().map(|state| state.status)
    }

    async fn grant(&self) -> mandate_schema::Granted {
        let Event::Granted(grant) = self.events().await.remove(0) else { panic!("a grant comes first") };
        grant
    }
}

fn runner(given: &Given) -> std::sync::Arc<TaskRunner> {
    given.worker.task_runner(&Stop::new())
}

async fn settle(given: &Given, claimed: &Claimed, reply: Result<QueryAuthReply, Failure>) -> End {
    let runner = runner(given);
    let Ok(Task::Redeem(redeem)) = runner.open(claimed).await else { panic!("a redeem task") };
    runner.settle_redemption(claimed, &redeem, Timestamp::now(), reply).await
}

fn good() -> QueryAuthReply {
    let authorization_info = AuthorizationInfo {
        authorizer_appid: Some(merchant()),
        access_token: Some(Secret::new("access")),
        expires_in: Some(7_200),
        refresh_token: Some(Secret::new("refreshtoken@@@1")),
        ..AuthorizationInfo::default()
    };
    QueryAuthReply { authorization_info }
}

async fn succeeds(given: &Given, claimed: &Claimed) {
    let end = settle(given, claimed, Ok(good())).await;
    assert!(matches!(end, End::Done));
}

async fn is_refused(given: &Given, claimed: &Claimed, errcode: i64) {
    let refusal = Refusal { errcode, errmsg: "no".into(), rid: None };
    let end = settle(given, claimed, Err(Failure::Refused(refusal))).await;
    assert!(matches!(end, End::Done), "{errcode}");
}

/// A redemption whose answer names no account.
fn nobodys() -> QueryAuthReply {
    QueryAuthReply { authorization_info: AuthorizationInfo::default() }
}

/// A callback of the code, and what else it names.
fn callback(fields: &str) -> Push {
    let account = merchant();
    let fields = format!(
        "<AuthorizerAppid>{account}</AuthorizerAppid><AuthorizationCode>{CODE}</AuthorizationCode>{fields}"
    );
    push(1_790_000_000, "authorized", &fields)
}

/// The text of the release check that brings the code.
fn release_text() -> Push {
    message(
        1_790_000_000,
        TEST_ACCOUNTS[0].original_id,
        "text",
        &format!("<Content>QUERY_AUTH_CODE:{CODE}</Content><MsgId>7</MsgId>"),
    )
}

/// A mini program was registered; the notice brings the code.
fn notice(fields: &str) -> Push {
    let fields = format!("<status>0</status><auth_code>{CODE}</auth_code>{fields}");
    push(1_790_000_000, "notify_third_fasteregister", &fields)
}

#[tokio::test]
async fn a_callback_after_a_refused_redirect_asks_for_the_truth() {
    for errcode in REFUSALS {
        let given = Given::new();
        given.browser().await;
        is_refused(&given, &given.claim(1).await.remove(0), errcode).await;
        given.take(callback("")).await;
        assert_eq!(given.status().await, Some(Status::Pending));
        assert_eq!(given.tasks("inspect", TaskState::Ready).await, 1, "{errcode}");
        assert_eq!(given.grant().await.tag.as_deref(), Some("spring"));
        assert_eq!(given.dead_letters().await.len(), 0);
    }
}

#[tokio::test]
async fn a_callback_tells_a_redemption_under_way_whose_code_it_has() {
    for errcode in REFUSALS {
        let given = Given::new();
        given.browser().await;
        let running = given.claim(1).await.remove(0);
        assert_eq!(running.task.authorizer, None);
        given.take(callback("")).await;
        let known = given.redeem().await;
        assert_eq!((known.authorizer, known.tag.as_deref()), (Some(merchant()), Some("spring")));
        assert_eq!(known.state, TaskState::Running);
        // The attempt read no authorizer; its refusal is that authorizer's all the same.
        is_refused(&given, &running, errcode).await;
        assert_eq!(given.redeem().await.state, TaskState::Done);
        assert_eq!(given.tasks("inspect", TaskState::Ready).await, 1, "{errcode}");
    }
}

#[tokio::test]
async fn the_success_of_a_redemption_that_learned_its_account_is_stored() {
    let given = Given::new();
    given.browser().await;
    let running = given.claim(1).await.remove(0);
    given.take(callback("")).await;
    succeeds(&given, &running).await;
    assert_eq!(given.names().await, ["authorization.granted", "credentials.issued"]);
    assert_eq!(given.status().await, Some(Status::Authorized));
}

#[tokio::test]
async fn a_tag_that_comes_while_the_code_is_redeemed_is_not_lost() {
    for first in [release_text(), notice("")] {
        let given = Given::new();
        given.take(first).await;
        let running = given.claim(9).await.into_iter().find(|claimed| claimed.task.kind == "redeem").unwrap();
        assert_eq!(running.task.tag, None);
        given.browser().await;
        succeeds(&given, &running).await;
        let events = given.events().await;
        let grant = events.iter().find_map(|event| match event {
            Event::Granted(grant) => Some(grant),
            _ => None,
        });
        assert_eq!(grant.unwrap().tag.as_deref(), Some("spring"));
    }
}

/// A notice that names no account: its refusal would be a dead letter, but the callback says whose code it is.
#[tokio::test]
async fn a_refusal_that_would_be_a_dead_letter_is_decided_on_the_authorizer_that_came_meanwhile() {
    let given = Given::new();
    given.take(notice("")).await;
    let running = given.claim(1).await.remove(0);
    assert_eq!(running.task.authorizer, None);
    given.take(callback("")).await;
    is_refused(&given, &running, 61009).await;
    assert_eq!(given.dead_letters().await.len(), 0);
    assert_eq!(given.tasks("inspect", TaskState::Ready).await, 1);
}

#[tokio::test]
async fn of_two_attempts_the_success_counts_in_any_order() {
    // The lapsed attempt's refusal came first: it is void, and the current attempt's success is stored.
    let given = Given::new();
    given.take(authorized(1_790_000_000, CODE)).await;
    let (lapsed, current) = (given.late().await, given.claim(1).await.remove(0));
    assert_eq!((lapsed.id, lapsed.attempt, current.attempt), (current.id, 1, 2));
    is_refused(&given, &lapsed, 61009).await;
    assert_eq!(given.redeem().await.state, TaskState::Running);
    assert_eq!(given.tasks("inspect", TaskState::Ready).await, 0);
    succeeds(&given, &current).await;
    assert_eq!(given.status().await, Some(Status::Authorized));

    // The current attempt's refusal came first: it is stored, and so is the lapsed attempt's success.
    let given = Given::new();
    given.take(authorized(1_790_000_000, CODE)).await;
    let (lapsed, current) = (given.late().await, given.claim(1).await.remove(0));
    is_refused(&given, &current, 61009).await;
    assert_eq!(given.redeem().await.position, None);
    for _ in 0..2 {
        succeeds(&given, &lapsed).await;
    }
    assert_eq!(given.names().await, ["authorization.granted", "credentials.issued"], "once");
    assert_eq!(given.status().await, Some(Status::Authorized));
    assert!(given.redeem().await.position.is_some(), "the result is found by the code");
    assert_eq!(given.tasks("redeem", TaskState::Done).await, 1);
}

#[tokio::test]
async fn a_late_success_that_names_no_account_is_that_of_the_callback() {
    let given = Given::new();
    given.take(notice("")).await;
    let (lapsed, current) = (given.late().await, given.claim(1).await.remove(0));
    given.take(callback("")).await;
    assert!(matches!(settle(&given, &lapsed, Ok(nobodys())).await, End::Done));
    assert_eq!(given.status().await, Some(Status::Authorized));
    is_refused(&given, &current, 61009).await;
    assert_eq!(given.status().await, Some(Status::Authorized), "it changes nothing");
    let asked = given.tasks("inspect", TaskState::Ready).await;
    assert_eq!((asked, given.dead_letters().await.len()), (1, 0), "only the success asks");
}

#[tokio::test]
async fn the_late_success_of_a_browsers_code_is_what_its_page_shows() {
    let given = Given::new();
    let state = visit(&given, &Secret::new(PRE_AUTH)).await;
    let landed = given.lands(&state).await;
    let (lapsed, current) = (given.late().await, given.claim(1).await.remove(0));
    is_refused(&given, &current, 61009).await;
    let shown = async || given.worker.consents.result(&landed, Duration::ZERO).await.unwrap();
    assert_eq!(shown().await, ConsentResult::Refused);
    succeeds(&given, &lapsed).await;
    assert_eq!(shown().await, ConsentResult::Account(merchant(), Status::Authorized));
    assert_eq!(given.grant().await.tag.as_deref(), Some("spring"));
}

#[tokio::test]
async fn the_tag_is_found_by_the_code_as_well_as_by_the_pre_auth_code() {
    let named = format!("<PreAuthCode>{PRE_AUTH}</PreAuthCode>");
    for (lands, fields, expected) in [
        (true, "", Some("spring")),
        (true, "<PreAuthCode>of somebody else</PreAuthCode>", Some("spring")),
        (true, named.as_str(), Some("spring")),
        (false, named.as_str(), Some("spring")),
        (false, "", None),
    ] {
        let given = Given::new();
        let state = visit(&given, &Secret::new(PRE_AUTH)).await;
        if lands {
            given.lands(&state).await;
        }
        given.take(callback(fields)).await;
        assert_eq!(given.grant().await.tag.as_deref(), expected, "{lands} {fields}");
    }
}

#[tokio::test]
async fn a_browser_that_brings_a_code_that_is_spent_is_tied_to_it_and_queues_nothing() {
    for is_good in [true, false] {
        let given = Given::new();
        given.take(release_text()).await;
        let running = given.claim(9).await.into_iter().find(|claimed| claimed.task.kind == "redeem").unwrap();
        if is_good {
            succeeds(&given, &running).await;
        } else {
            is_refused(&given, &running, 61009).await;
        }
        let state = visit(&given, &Secret::new(PRE_AUTH)).await;
        let landed = given.lands(&state).await;
        assert_eq!(given.worker.storage.visit(landed.id).await.unwrap().unwrap().code, landed.code);
        let redeem = given.redeem().await;
        assert_eq!((redeem.state, redeem.tag), (TaskState::Done, None));
        let shown = given.worker.consents.result(&landed, Duration::ZERO).await.unwrap();
        let status = if is_good { Status::Authorized } else { Status::Broken };
        assert_eq!(shown, ConsentResult::Account(merchant(), status));
        // The callback that comes last has the tag of that visit, though it names no pre-auth code.
        if !is_good {
            given.take(callback("")).await;
            assert_eq!(given.grant().await.tag.as_deref(), Some("spring"));
            assert_eq!(given.tasks("inspect", TaskState::Ready).await, 2, "and the refusal asks, too");
        }
    }
}

#[tokio::test]
async fn whoever_else_brings_a_spent_code_is_decided_without_another_redemption() {
    let account = merchant();
    let named = format!("<appid>{account}</appid>");
    for second in [release_text(), notice(""), notice(&named)] {
        let given = Given::new();
        given.browser().await;
        is_refused(&given, &given.claim(1).await.remove(0), 61009).await;
        given.take(second.clone()).await;
        assert!(given.outcome(second.id).await.is_some());
        assert_eq!(given.tasks("redeem", TaskState::Ready).await, 0);
        assert_eq!(given.redeem().await.state, TaskState::Done);
        let replies = u64::from(second.authorizer.is_some());
        assert_eq!(given.tasks("release_reply", TaskState::Ready).await, replies, "the check is answered");
    }
}

#[tokio::test]
async fn a_redemption_given_up_is_a_dead_letter_that_can_be_retried_and_erased() {
    let given = Given::new();
    given.browser().await;
    let first = given.claim(1).await.remove(0);
    assert!(matches!(settle(&given, &first, Ok(nobodys())).await, End::Done));
    let letters = given.dead_letters().await;
    assert_eq!(letters[0].letter.reason, "answer_without_authorizer");
    assert_eq!(given.redeem().await.state, TaskState::Dead);
    // A callback of a code that was given up asks for the truth.
    given.take(callback("")).await;
    assert_eq!(given.tasks("inspect", TaskState::Ready).await, 1);

    let retried = given.worker.dead_letters.retry(letters[0].letter.command).await.unwrap();
    assert_eq!(retried, Retried::Revived);
    given.take(notice(&format!("<appid>{}</appid>", merchant()))).await;
    assert_eq!(given.redeem().await.authorizer, Some(merchant()), "it learns again");
    let again = given.claim(9).await.into_iter().find(|claimed| claimed.task.kind == "redeem").unwrap();
    assert_eq!((again.id, again.attempt, again.tries), (first.id, 2, 1));
    assert!(matches!(settle(&given, &again, Ok(nobodys())).await, End::Done));
    assert_eq!(given.status().await, Some(Status::Authorized), "the answer is that authorizer's");

    let request = Erased { by: "operator".to_owned(), reason: "request".to_owned() };
    given.worker.eraser.erase(&component(), &merchant(), request, true).await.unwrap();
    let late = Claimed { attempt: 3, ..again };
    assert!(matches!(settle(&given, &late, Ok(nobodys())).await, End::Done));
    assert_eq!(given.names().await.last(), Some(&"authorizer.erased"), "nothing comes after it");
}

#[tokio::test]
async fn an_erased_redemption_brings_nothing_back() {
    let given = Given::new();
    given.take(authorized(1_790_000_000, CODE)).await;
    let running = given.claim(1).await.remove(0);
    let request = Erased { by: "operator".to_owned(), reason: "request".to_owned() };
    given.worker.eraser.erase(&component(), &merchant(), request, true).await.unwrap();
    succeeds(&given, &running).await;
    assert_eq!(given.names().await, ["authorization.granted", "authorizer.erased"]);
}

/// A callback whose decision is overtaken by the end of the redemption.
#[tokio::test]
async fn a_callback_that_is_decided_while_the_redemption_ends_is_decided_again() {
    let given = Given::new();
    given.browser().await;
    let running = given.claim(1).await.remove(0);
    let pushed = callback("");
    tokio::join!(given.take(pushed.clone()), is_refused(&given, &running, 61009));
    assert_eq!(given.outcome(pushed.id).await, Some(CommandOutcome::Applied));
    let asked = given.tasks("inspect", TaskState::Ready).await;
    assert_eq!(asked, 1);
    assert_eq!(given.grant().await.via, GrantedVia::Callback);
}

/// A redemption whose refresh token arrived damaged.
fn damaged() -> QueryAuthReply {
    let authorization_info = AuthorizationInfo {
        authorizer_appid: Some(merchant()),
        access_token: Some(Secret::new("access")),
        expires_in: Some(7_200),
        refresh_token_is_damaged: true,
        ..AuthorizationInfo::default()
    };
    QueryAuthReply { authorization_info }
}

#[tokio::test]
async fn a_damaged_token_of_whom_only_the_answer_names_is_looked_for() {
    for callback_comes in [false, true] {
        for by_browser in [false, true] {
            let given = Given::new();
            if by_browser {
                given.browser().await;
            } else {
                given.take(notice("")).await;
            }
            let running = given.claim(1).await.remove(0);
            assert_eq!(running.task.authorizer, None);
            if callback_comes {
                given.take(callback("")).await;
            }
            assert!(matches!(settle(&given, &running, Ok(damaged())).await, End::Done));
            let names = given.names().await;
            assert_eq!(names.iter().filter(|name| **name == "authorization.granted").count(), 1, "{names:?}");
            assert!(!names.contains(&"credentials.issued"), "{names:?}");
            assert_eq!(given.status().await, Some(Status::Pending));
            assert_eq!(given.tasks("inspect", TaskState::Ready).await, 1);
            assert_eq!(given.redeem().await.state, TaskState::Done);
        }
    }
}

#[tokio::test]
async fn a_damaged_token_of_a_known_authorizer_is_unreadable() {
    for push in [callback(""), notice(&format!("<appid>{}</appid>", merchant())), release_text()] {
        let given = Given::new();
        given.take(push).await;
        let running = given.claim(9).await.into_iter().find(|claimed| claimed.task.kind == "redeem").unwrap();
        let end = settle(&given, &running, Ok(damaged())).await;
        assert!(matches!(end, End::Again { reason: "answer_unreadable", .. }));
        assert_eq!(given.redeem().await.state, TaskState::Running);
    }
}

/// Whoever gives a code up asks about its authorizer, if it is known.
#[tokio::test]
async fn an_authorizer_whose_code_is_given_up_is_asked_about() {
    for (queued, asked) in [(callback(""), 1), (notice(""), 0)] {
        let given = Given::new();
        given.take(queued).await;
        let database = rusqlite::Connection::open(given.database()).unwrap();
        let payload = "update task set payload = 'of a newer version' where kind = 'redeem'";
        assert_eq!(database.execute(payload, []).unwrap(), 1);
        let (runner, mut under_way) = (runner(&given), UnderWay::default());
        while given.dead_letters().await.is_empty() {
            runner.fill(&mut under_way).await;
            under_way.next_end().await;
        }
        assert_eq!(given.dead_letters().await[0].letter.reason, "unreadable_task");
        assert_eq!(given.redeem().await.state, TaskState::Dead);
        assert_eq!(given.tasks("inspect", TaskState::Ready).await, asked);
        if asked == 1 {
            let inspection = given.claim(9).await.remove(0);
            assert_eq!(inspection.task.authorizer, Some(merchant()));
            let read = runner.open(&inspection).await;
            assert!(matches!(read, Ok(Task::Inspect { because: Because::Doubt })));
        }
    }
}

#[tokio::test]
async fn a_late_success_takes_the_dead_letter_of_its_task_away() {
    let given = Given::new();
    given.take(notice("")).await;
    let (lapsed, current) = (given.late().await, given.claim(1).await.remove(0));
    let refusal = Refusal { errcode: 61009, errmsg: "no".into(), rid: None };
    settle(&given, &current, Err(Failure::Refused(refusal))).await;
    assert_eq!(given.dead_letters().await.len(), 1);
    succeeds(&given, &lapsed).await;
    assert_eq!(given.dead_letters().await.len(), 0);
    assert_eq!(given.status().await, Some(Status::Authorized));
}

#[tokio::test]
async fn an_answer_is_stored_once_the_store_is_back_also_at_a_stop() {
    for stops in [false, true] {
        let given = Given::new();
        given.take(authorized(1_790_000_000, CODE)).await;
        let running = given.claim(1).await.remove(0);
        let stop = Stop::new();
        let runner = given.worker.task_runner(&stop);
        let Ok(Task::Redeem(redeem)) = runner.open(&running).await else { panic!("a redeem task") };
        let database = rusqlite::Connection::open(given.database()).unwrap();
        database.execute_batch("alter table state rename to away").unwrap();
        if stops {
            stop.request();
        }
        let storing = runner.settle_redemption(&running, &redeem, Timestamp::now(), Ok(good()));
        tokio::pin!(storing);
        let early = tokio::time::timeout(Duration::from_millis(600), &mut storing).await;
        assert!(early.is_err(), "it waits for the store");
        database.execute_batch("alter table away rename to state").unwrap();
        assert!(matches!(storing.await, End::Done));
        assert_eq!(given.status().await, Some(Status::Authorized));
    }
}
