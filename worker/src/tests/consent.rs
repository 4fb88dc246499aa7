//! What a browser may bring back from `WeChat`'s page, and what not.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mandate_domain::{Refusal, Status, Task};
use mandate_runtime::stop::Stop;
use mandate_schema::{CodeDigest, Event, Secret};
use mandate_storage::{ConsentTerms, ConsentVisit};
use uuid::Uuid;

use super::given::{Given, authorized, component, master, merchant, push};
use crate::{
    consent::{ConsentResult, LandingError, LinkError, LinkOrder, TermsError},
    tasks::{End, Failure},
};

/// The cookie of the browser that opens pages here.
pub(super) const COOKIE: &str = "a browser's cookie";

fn terms() -> ConsentTerms {
    ConsentTerms {
        component: component(),
        auth_type: 3,
        biz_appid: None,
        category_ids: Vec::new(),
        return_url: None,
        tag: Some("spring".into()),
    }
}

async fn visit_until(given: &Given, pre_auth: &Secret, expires_at: Timestamp) -> String {
    let visit = ConsentVisit {
        id: Uuid::now_v7(),
        link: None,
        terms: terms(),
        pre_auth: CodeDigest::of(pre_auth),
        cookie: CodeDigest::of(&Secret::new(COOKIE)),
        code: None,
        expires_at,
    };
    let state = given.worker.log.vault.seal_state(visit.id);
    given.worker.storage.put_visit(visit).await.unwrap();
    state
}

/// A visit for which `WeChat` gave this pre-auth code; the state that its browser will bring back.
pub(super) async fn visit(given: &Given, pre_auth: &Secret) -> String {
    visit_until(given, pre_auth, Timestamp::now() + SignedDuration::from_mins(30)).await
}

/// What the browser with this cookie gets that brings this code.
async fn land(given: &Given, state: &str, cookie: &str, code: &str) -> Result<ConsentVisit, LandingError> {
    given.worker.consents.land(state, Some(&Secret::new(cookie)), Some(Secret::new(code))).await
}

async fn tasks(given: &Given) -> usize {
    given
        .worker
        .storage
        .task_counts()
        .await
        .unwrap()
        .iter()
        .map(|count| usize::try_from(count.count).unwrap())
        .sum()
}

/// The code that a visit brought is refused by `WeChat`, as a made-up one is, or another component's.
async fn refuse(given: &Given) {
    let runner = given.worker.task_runner(&Stop::new());
    let (claimed, now) = (given.claim(1).await.remove(0), Timestamp::now());
    let Ok(Task::Redeem(redeem)) = runner.open(&claimed).await else { panic!("a redeem task") };
    let refusal = Refusal { errcode: 61009, errmsg: "code is invalid".into(), rid: None };
    let end = runner.settle_redemption(&claimed, &redeem, now, Err(Failure::Refused(refusal))).await;
    assert!(matches!(end, End::Done));
}

#[tokio::test]
async fn a_visit_takes_the_first_code_of_its_own_browser_and_shows_its_result_again() {
    let given = Given::new();
    let state = visit(&given, &Secret::new("preauthcode@@@1")).await;
    let landed = land(&given, &state, COOKIE, "queryauthcode@@@1").await.unwrap();
    assert_eq!(landed.code, Some(CodeDigest::of(&Secret::new("queryauthcode@@@1"))));
    assert_eq!(given.worker.consents.result(&landed, Duration::ZERO).await.unwrap(), ConsentResult::Pending);
    // A reload, and one whose query was cut off.
    assert_eq!(land(&given, &state, COOKIE, "queryauthcode@@@1").await.unwrap(), landed);
    let bare = given.worker.consents.land(&state, Some(&Secret::new(COOKIE)), None).await.unwrap();
    assert_eq!(bare, landed);
    let replayed = land(&given, &state, COOKIE, "queryauthcode@@@2").await;
    assert!(matches!(replayed, Err(LandingError::OtherCode)), "{replayed:?}");
    assert_eq!(tasks(&given).await, 1);
}

#[tokio::test]
async fn what_is_forged_foreign_or_expired_queues_nothing() {
    let given = Given::new();
    let state = visit(&given, &Secret::new("preauthcode@@@1")).await;
    let forged = land(&given, &format!("A{}", &state[1..]), COOKIE, "code").await;
    let forged_is_refused = matches!(forged, Err(LandingError::UnknownState)) || state.starts_with('A');
    assert!(forged_is_refused, "{forged:?}");
    let unknown = given.worker.log.vault.seal_state(Uuid::now_v7());
    let unknown = land(&given, &unknown, COOKIE, "code").await;
    assert!(matches!(unknown, Err(LandingError::UnknownState)), "{unknown:?}");
    let foreign = land(&given, &state, "another browser's", "code").await;
    assert!(matches!(foreign, Err(LandingError::OtherBrowser)), "{foreign:?}");
    let without = given.worker.consents.land(&state, None, Some(Secret::new("code"))).await;
    assert!(matches!(without, Err(LandingError::OtherBrowser)), "{without:?}");
    for code in [None, Some(Secret::new("")), Some(Secret::new("x".repeat(2_000)))] {
        let codeless = given.worker.consents.land(&state, Some(&Secret::new(COOKIE)), code).await;
        assert!(matches!(codeless, Err(LandingError::NoCode)), "{codeless:?}");
    }
    let over = visit_until(&given, &Secret::new("preauthcode@@@2"), Timestamp::now()).await;
    let expired = land(&given, &over, COOKIE, "code").await;
    assert!(matches!(expired, Err(LandingError::Expired)), "{expired:?}");
    assert_eq!(tasks(&given).await, 0);
    // Nothing was lost: the right browser may still land.
    land(&given, &state, COOKIE, "code").await.unwrap();
    assert_eq!(tasks(&given).await, 1);
}

#[tokio::test]
async fn a_state_is_opened_by_its_own_master_key_only() {
    let given = Given::new();
    let state = visit(&given, &Secret::new("preauthcode@@@1")).await;
    let other = mandate_schema::MasterKeys::new([("other", &[1; 32])]).unwrap();
    let elsewhere = given.restarted("RustComponentToken01", other);
    let foreign = land(&elsewhere, &state, COOKIE, "code").await;
    assert!(matches!(foreign, Err(LandingError::UnknownState)), "{foreign:?}");
    let back = elsewhere.restarted("RustComponentToken01", master());
    land(&back, &state, COOKIE, "code").await.unwrap();
}

#[tokio::test]
async fn a_code_that_wechat_refuses_is_told_and_leaves_no_dead_letter() {
    let given = Given::new();
    let state = visit(&given, &Secret::new("preauthcode@@@1")).await;
    let landed = land(&given, &state, COOKIE, "queryauthcode@@@of another component").await.unwrap();
    refuse(&given).await;
    assert_eq!(given.worker.consents.result(&landed, Duration::ZERO).await.unwrap(), ConsentResult::Refused);
    assert_eq!((given.dead_letters().await.len(), given.events().await.len()), (0, 0));
}

/// The answer to the first redemption was lost and the second one refused; then the callback comes.
#[tokio::test]
async fn the_callback_of_a_spent_code_asks_for_the_truth() {
    let given = Given::new();
    let state = visit(&given, &Secret::new("preauthcode@@@1")).await;
    land(&given, &state, COOKIE, "queryauthcode@@@1").await.unwrap();
    refuse(&given).await;
    given.take(authorized(1_790_000_000, "queryauthcode@@@1")).await;
    let counts = given.worker.storage.task_counts().await.unwrap();
    let waiting: Vec<_> = counts.iter().map(|count| (count.kind.as_str(), count.state.as_str())).collect();
    assert!(waiting.contains(&("inspect", "ready")), "{waiting:?}");
    let Event::Granted(grant) = given.events().await.remove(0) else { panic!("a grant") };
    assert_eq!(grant.tag.as_deref(), Some("spring"), "the browser brought this code");
}

#[tokio::test]
async fn a_callback_finds_the_tag_by_its_pre_auth_code() {
    let given = Given::new();
    visit(&given, &Secret::new("preauthcode@@@1")).await;
    let fields = format!(
        "<AuthorizerAppid>{}</AuthorizerAppid><AuthorizationCode>queryauthcode@@@1</AuthorizationCode>\
         <PreAuthCode>preauthcode@@@1</PreAuthCode>",
        merchant()
    );
    given.take(push(1_790_000_000, "authorized", &fields)).await;
    let Event::Granted(grant) = given.events().await.remove(0) else { panic!("a grant") };
    assert_eq!(grant.tag.as_deref(), Some("spring"));
}

#[tokio::test]
async fn what_a_result_is_called_is_the_status_of_the_account() {
    let account = merchant();
    let result = ConsentResult::Account(account.clone(), Status::Broken);
    assert_eq!((result.as_str(), result.authorizer()), ("broken", Some(&account)));
    assert_eq!((ConsentResult::Refused.as_str(), ConsentResult::Refused.authorizer()), ("refused", None));
}

#[tokio::test]
async fn a_link_is_short_and_asks_for_what_was_ordered() {
    let given = Given::new();
    let order = LinkOrder { auth_type: Some(1), category_ids: vec![1, 15], ..LinkOrder::new(component()) };
    let link = given.worker.consents.create_link(order).await.unwrap();
    let address = given.worker.consents.link_address(&link);
    assert_eq!(address, format!("http://127.0.0.1:8082/authorize/{}", link.id));
    assert!(link.id.len() == 10 && link.id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{}", link.id);
    let stored = given.worker.storage.link(&link.id).await.unwrap().unwrap();
    assert_eq!((stored.terms.auth_type, stored.terms.category_ids), (1, vec![1, 15]));
}

#[tokio::test]
async fn a_link_that_asks_for_what_cannot_be_is_refused() {
    let given = Given::new();
    let order = || LinkOrder::new(component());
    let other = "wx0000000000000000".parse().unwrap();
    let bad = [
        LinkOrder { auth_type: Some(7), ..order() },
        LinkOrder { auth_type: Some(0), ..order() },
        LinkOrder { category_ids: vec![1; 101], ..order() },
        LinkOrder { tag: Some(String::new()), ..order() },
        LinkOrder { tag: Some("a\nb".into()), ..order() },
        LinkOrder { tag: Some("x".repeat(129)), ..order() },
        LinkOrder { return_url: Some("https://evil.example/".into()), ..order() },
        LinkOrder { expires_in: Duration::from_secs(59), ..order() },
        LinkOrder { expires_in: Duration::MAX, ..order() },
        LinkOrder::new(other),
    ];
    for order in bad {
        let said = format!("{order:?}");
        let refused = given.worker.consents.create_link(order).await;
        assert!(matches!(refused, Err(LinkError::Terms(_))), "{said}: {refused:?}");
    }
    let refused = given.worker.consents.create_link(LinkOrder { auth_type: Some(9), ..order() }).await;
    assert!(matches!(refused, Err(LinkError::Terms(TermsError::AuthType))));
}
