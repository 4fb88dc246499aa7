//! The same code on two paths: `WeChat`'s callback and the merchant's browser, in any order, each of them twice.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use mandate_broker::CallbackSink;
use mandate_domain::{Refusal, Status, Task};
use mandate_runtime::stop::Stop;
use mandate_schema::{AuthorizerId, CodeDigest, Event, GrantedVia, Position, Push, Secret, StreamName};
use mandate_storage::{Claimed, EventOrder, StreamQuery, TaskState};
use mandate_wechat::api::{AuthorizationInfo, QueryAuthReply};
use tokio::task::yield_now;

use super::{
    consent::{COOKIE, visit},
    given::{Given, component, push},
};
use crate::{
    consent::ConsentResult,
    log::fold,
    tasks::TaskRunner,
    tasks::{End, Failure},
};

/// Orders that are tried.
const ROUNDS: u32 = 500;
/// Of a code that is refused.
const REFUSED_ROUNDS: u32 = 200;

/// `WeChat`'s side: which codes it was asked to redeem.
#[derive(Default)]
struct Redemptions(Mutex<HashMap<CodeDigest, Redemption>>);

#[derive(Clone, Copy, Debug, Default)]
struct Redemption {
    asked: u32,
    stored: bool,
}

impl Redemptions {
    fn of(&self, code: &Secret) -> Redemption {
        self.0.lock().unwrap().get(&CodeDigest::of(code)).copied().unwrap_or_default()
    }

    fn note(&self, code: &Secret, change: impl FnOnce(&mut Redemption)) {
        change(self.0.lock().unwrap().entry(CodeDigest::of(code)).or_default());
    }
}

struct Merchant {
    account: AuthorizerId,
    code: Secret,
    state: String,
    callback: Push,
}

impl Merchant {
    async fn opens_a_page(given: &Given, number: u32) -> Self {
        let account: AuthorizerId = format!("wx{number:016x}").parse().unwrap();
        let code = Secret::new(format!("queryauthcode@@@{number}"));
        let pre_auth = Secret::new(format!("preauthcode@@@{number}"));
        let state = visit(given, &pre_auth).await;
        let fields = format!(
            "<AuthorizerAppid>{account}</AuthorizerAppid><AuthorizationCode>{}</AuthorizationCode>\
             <PreAuthCode>{}</PreAuthCode>",
            code.expose(),
            pre_auth.expose()
        );
        let callback = push(1_790_000_000 + i64::from(number), "authorized", &fields);
        Self { account, code, state, callback }
    }
}

/// Lets the others go on: not at all, or for as long as a few appends take.
async fn a_while() {
    for _ in 0..(1_u32 << fastrand::u32(0..10)) {
        yield_now().await;
    }
}

/// The callback comes without regard to the redirect, while its redemption is under way, or when that is stored.
async fn callback(given: &Given, wechat: &Redemptions, merchant: &Merchant) {
    let when = fastrand::u8(0..4);
    let waits = |seen: Redemption| (when == 2 && seen.asked == 0) || (when == 3 && !seen.stored);
    while waits(wechat.of(&merchant.code)) {
        yield_now().await;
    }
    a_while().await;
    given.worker.ingest().accept(vec![merchant.callback.clone()]).await.unwrap();
}

async fn redirect(given: &Given, merchant: &Merchant) -> ConsentResult {
    a_while().await;
    let (cookie, code) = (Secret::new(COOKIE), merchant.code.clone());
    let visit = given.worker.consents.land(&merchant.state, Some(&cookie), Some(code)).await.unwrap();
    given.worker.consents.result(&visit, Duration::from_secs(20)).await.unwrap()
}

/// Runs the tasks of a worker whose calls are answered here.
async fn work(given: &Given, wechat: &Redemptions, done: &AtomicBool) {
    let runner = given.worker.task_runner(&Stop::new());
    while !done.load(Ordering::Relaxed) {
        a_while().await;
        for claimed in given.claim(4).await {
            redeem(&runner, wechat, &claimed).await;
        }
    }
}

async fn redeem(runner: &TaskRunner, wechat: &Redemptions, claimed: &Claimed) {
    let Ok(Task::Redeem(redeem)) = runner.open(claimed).await else { return };
    let called_at = Timestamp::now();
    let number: u32 = redeem.code.expose().rsplit('@').next().unwrap().parse().unwrap();
    wechat.note(&redeem.code, |redemption| redemption.asked += 1);
    a_while().await;
    let authorization_info = AuthorizationInfo {
        authorizer_appid: Some(format!("wx{number:016x}").parse().unwrap()),
        access_token: Some(Secret::new("access")),
        expires_in: Some(7_200),
        refresh_token: Some(Secret::new(format!("refreshtoken@@@{number}"))),
        permissions: Some(vec![1]),
        ..AuthorizationInfo::default()
    };
    let reply = Ok(QueryAuthReply { authorization_info });
    let end = runner.settle_redemption(claimed, &redeem, called_at, reply).await;
    assert!(matches!(end, End::Done), "the redemption is stored");
    wechat.note(&redeem.code, |redemption| redemption.stored = true);
}

async fn events_of(given: &Given, account: &AuthorizerId) -> Vec<Event> {
    let stream = StreamName::Authorizer(component(), account.clone());
    let query = StreamQuery {
        stream,
        after: Position(0),
        up_to: None,
        before: None,
        order: EventOrder::Ascending,
        limit: 100,
    };
    let mut events = Vec::new();
    for stored in given.worker.storage.read_stream(query).await.unwrap() {
        events.push(fold::decode(&given.worker.log.vault, &stored).await.unwrap());
    }
    events
}

#[tokio::test]
async fn a_code_on_two_paths_is_redeemed_once_and_granted_once_in_any_order() {
    let given = Given::new();
    let wechat = Redemptions::default();
    let done = AtomicBool::new(false);
    let mut via = HashMap::<bool, u32>::new();
    let rounds = async {
        for number in 0..ROUNDS {
            let merchant = Merchant::opens_a_page(&given, number).await;
            let ((), (), seen, reloaded) = tokio::join!(
                callback(&given, &wechat, &merchant),
                callback(&given, &wechat, &merchant),
                redirect(&given, &merchant),
                redirect(&given, &merchant),
            );
            let expected = ConsentResult::Account(merchant.account.clone(), Status::Authorized);
            assert_eq!((&seen, &reloaded), (&expected, &expected), "round {number}");
            let digest = CodeDigest::of(&merchant.code);
            let events = events_of(&given, &merchant.account).await;
            let [Event::Granted(grant), Event::CredentialsIssued(issued), Event::PermissionsChanged(_)] =
                events.as_slice()
            else {
                panic!("round {number}: {:?}", events.iter().map(Event::name).collect::<Vec<_>>());
            };
            assert_eq!((grant.code_digest, issued.code_digest), (Some(digest), digest), "round {number}");
            assert_eq!(grant.tag.as_deref(), Some("spring"), "round {number}");
            *via.entry(grant.via == GrantedVia::Redirect).or_default() += 1;
        }
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(rounds, work(&given, &wechat, &done));
    let calls = std::mem::take(&mut *wechat.0.lock().unwrap());
    assert_eq!(u32::try_from(calls.len()), Ok(ROUNDS));
    assert!(calls.values().all(|redemption| redemption.asked == 1), "{calls:?}");
    assert_eq!(given.dead_letters().await.len(), 0);
    assert!(via.len() == 2, "both paths come first now and then: {via:?}");
}

/// As [`work`], for a `WeChat` that refuses every code.
async fn refuse(given: &Given, done: &AtomicBool) {
    let runner = given.worker.task_runner(&Stop::new());
    while !done.load(Ordering::Relaxed) {
        a_while().await;
        for claimed in given.claim(4).await {
            let Ok(Task::Redeem(redeem)) = runner.open(&claimed).await else { continue };
            a_while().await;
            let refusal = Refusal { errcode: 61009, errmsg: "code is invalid".into(), rid: None };
            let refused = Err(Failure::Refused(refusal));
            let end = runner.settle_redemption(&claimed, &redeem, Timestamp::now(), refused).await;
            assert!(matches!(end, End::Done), "the refusal is stored");
        }
    }
}

#[tokio::test]
async fn a_code_that_is_refused_on_two_paths_never_leaves_an_authorizer_that_nobody_asks_about() {
    let given = Given::new();
    let done = AtomicBool::new(false);
    let rounds = async {
        for number in 0..REFUSED_ROUNDS {
            let merchant = Merchant::opens_a_page(&given, number).await;
            let land = async {
                a_while().await;
                let (cookie, code) = (Secret::new(COOKIE), merchant.code.clone());
                given.worker.consents.land(&merchant.state, Some(&cookie), Some(code)).await.unwrap();
            };
            let ended = async || given.tasks("redeem", TaskState::Done).await > u64::from(number);
            let callback = async {
                a_while().await;
                while number % 4 == 0 && !ended().await {
                    yield_now().await;
                }
                given.worker.ingest().accept(vec![merchant.callback.clone()]).await.unwrap();
            };
            tokio::join!(callback, land);
            while !ended().await {
                yield_now().await;
            }
            let events = events_of(&given, &merchant.account).await;
            let [Event::Granted(grant)] = events.as_slice() else { panic!("round {number}: {events:?}") };
            assert_eq!(grant.tag.as_deref(), Some("spring"), "round {number}");
        }
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(rounds, refuse(&given, &done));
    let database = rusqlite::Connection::open(given.database()).unwrap();
    let asked = ["doubt", "redemption_refused"].map(|because| {
        let count = "select count(*) from task where kind = 'inspect' and payload ->> 'because' = ?1";
        database.query_row(count, [because], |row| row.get::<_, u32>(0)).unwrap()
    });
    assert_eq!(asked.iter().sum::<u32>(), REFUSED_ROUNDS, "one for each: {asked:?}");
    assert!(asked.iter().all(|count| *count > 0), "both paths come first now and then: {asked:?}");
    assert_eq!(given.dead_letters().await.len(), 0);
}
