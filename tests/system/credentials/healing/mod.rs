//! What `WeChat` may answer to a refresh, each with what the reader gets, and how many calls it costs.

mod a_code;

use std::io::Write;

use jiff::Timestamp;
use mandate_schema::StreamName;

use serde_json::{Value, json};

use super::{Answer, merchant};
use crate::world::{COMPONENT_A as A, World};

/// How many ask again and again while the trouble lasts.
const READS: usize = 60;

/// An API, and how many calls of it are too many.
type Budget = (&'static str, usize);

const TOKEN: &str = "api_authorizer_token";
const COMPONENT: &str = "api_component_token";
const INFO: &str = "api_get_authorizer_info";
const LIST: &str = "api_get_authorizer_list";

/// One kind of trouble.
struct Trouble {
    /// The API that is troubled; empty for one that concerns all.
    api: &'static str,
    kind: &'static str,
    /// For how many calls.
    times: u32,
    value: Value,
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let often = if self.times == 1 { "once" } else { "always" };
        let value = if self.value.is_null() { String::new() } else { format!(" {}", self.value) };
        write!(f, "{} {}{value} {often}", self.api, self.kind)
    }
}

impl Trouble {
    fn errcode(api: &'static str, errcode: i64) -> Self {
        Self { api, kind: "errcode", times: 1_000_000, value: json!(errcode) }
    }

    fn once(self) -> Self {
        Self { times: 1, ..self }
    }

    fn of_answer(kind: &'static str) -> Self {
        Self { api: TOKEN, kind, times: 1, value: Value::Null }
    }
}

/// A world with one account whose token is gone, as if it had expired.
async fn world() -> (World, String) {
    let world = World::start().await;
    let merchant = merchant(&world).await;
    empty(&world, &merchant).await;
    (world, merchant)
}

async fn empty(world: &World, merchant: &str) {
    forget(world, &StreamName::Authorizer(A.parse().expect("an id"), merchant.parse().expect("an id"))).await;
}

/// Empties a token row, and waits until no process knows the token any more.
async fn forget(world: &World, stream: &StreamName) {
    let storage = world.storage().await;
    let row = storage.token(stream).await.expect("the store").expect("a row");
    if let Some((held, _)) = row.access {
        assert!(storage.empty_token(stream, &held).await.expect("the store"));
    }
    let since = Timestamp::now();
    world
        .wait("a second, for which a process believes what it read", async |_| {
            (Timestamp::now().duration_since(since) > jiff::SignedDuration::from_millis(1_100)).then_some(())
        })
        .await;
}

impl World {
    async fn trouble(&self, trouble: &Trouble) {
        self.fault(trouble.api, trouble.kind, trouble.times, trouble.value.clone()).await;
    }

    /// Many ask, one after the other. Answers the last answer.
    async fn ask_often(&self, merchant: &str) -> Answer {
        let mut last = self.token(merchant).await;
        for _ in 1..READS {
            last = self.token(merchant).await;
        }
        last
    }

    /// The calls that were made since there was a token, against what they may cost.
    /// With `--nocapture` a row of a table: the trouble, what came of it, the calls.
    async fn within(&self, story: &str, before: &[usize], budgets: &[Budget]) {
        let mut calls = Vec::new();
        for ((api, most), before) in budgets.iter().zip(before) {
            let made = self.calls(api).await.len() - before;
            assert!(made <= *most, "{story}: {api} was called {made} times, at most {most} are needed");
            calls.push(format!("{api} {made}"));
        }
        writeln!(std::io::stdout(), "| {story} | {} |", calls.join(", ")).expect("stdout");
    }

    async fn made(&self, budgets: &[Budget]) -> Vec<usize> {
        let mut made = Vec::new();
        for (api, _) in budgets {
            made.push(self.calls(api).await.len());
        }
        made
    }
}

/// Trouble that passes, or that is mended behind the scenes: the account has a working token in the end.
async fn heals(trouble: Trouble, budgets: &[Budget]) {
    let (world, merchant) = world().await;
    let before = world.made(budgets).await;
    world.trouble(&trouble).await;
    world.ask_often(&merchant).await;
    world.wait_working_token(&merchant).await;
    world.within(&format!("{trouble} | heals"), &before, budgets).await;
    world.finish().await;
}

/// Trouble that lasts: the reader is told, and `WeChat` is left alone.
async fn lasts(trouble: Trouble, code: &str, errcode: i64, budgets: &[Budget]) -> (World, String) {
    let (world, merchant) = world().await;
    let before = world.made(budgets).await;
    world.trouble(&trouble).await;
    let (status, body) = world.ask_often(&merchant).await;
    let upstream = body["upstream"]["errcode"].as_i64().unwrap_or_default();
    assert_eq!((body["code"].as_str(), upstream), (Some(code), errcode), "{status} {body}");
    world.within(&format!("{trouble} | {status} {code}"), &before, budgets).await;
    world.clear_faults().await;
    (world, merchant)
}

mod the_component_token_was_refused {
    use super::{COMPONENT, TOKEN, Trouble, heals, lasts};

    /// The refused call, and once more with another token.
    const ONE_MORE: &[super::Budget] = &[(TOKEN, 2), (COMPONENT, 1)];

    #[tokio::test]
    async fn with_40001() {
        heals(Trouble::errcode(TOKEN, 40001).once(), ONE_MORE).await;
    }

    #[tokio::test]
    async fn with_40014() {
        heals(Trouble::errcode(TOKEN, 40014).once(), ONE_MORE).await;
    }

    #[tokio::test]
    async fn with_42001() {
        heals(Trouble::errcode(TOKEN, 42001).once(), ONE_MORE).await;
    }

    #[tokio::test]
    async fn with_42006() {
        heals(Trouble::errcode(TOKEN, 42006).once(), ONE_MORE).await;
    }

    #[tokio::test]
    async fn for_ever() {
        let (world, _) = lasts(Trouble::errcode(TOKEN, 40001), "upstream_unavailable", 40001, ONE_MORE).await;
        world.finish().await;
    }

    #[tokio::test]
    async fn because_all_tokens_are_bad() {
        let trouble = Trouble { api: "", kind: "invalidate_tokens", times: 1, value: super::Value::Null };
        heals(trouble, ONE_MORE).await;
    }
}

mod the_ticket_was_refused {
    use mandate_schema::StreamName;
    use serde_json::json;

    use super::{A, Budget, COMPONENT, Trouble, World, empty, forget, merchant};

    /// The newest ticket, and the one before it.
    const TWO_TICKETS: &[Budget] = &[(COMPONENT, 2)];

    /// A world with two tickets whose component token is gone too.
    async fn world() -> (World, String) {
        let world = World::start().await;
        world.control("switches", json!({"ticket_value": "new"})).await;
        world.ticket(A).await;
        let merchant = merchant(&world).await;
        forget(&world, &StreamName::Component(A.parse().expect("an id"))).await;
        empty(&world, &merchant).await;
        (world, merchant)
    }

    async fn once(errcode: i64) {
        let (world, merchant) = world().await;
        let before = world.made(TWO_TICKETS).await;
        world.trouble(&Trouble::errcode(COMPONENT, errcode).once()).await;
        world.wait_working_token(&merchant).await;
        world
            .within(&format!("{COMPONENT} {errcode} | the ticket before it works"), &before, TWO_TICKETS)
            .await;
        world.finish().await;
    }

    async fn always(errcode: i64) {
        let (world, merchant) = world().await;
        let before = world.made(TWO_TICKETS).await;
        world.trouble(&Trouble::errcode(COMPONENT, errcode)).await;
        let (_, body) = world.ask_often(&merchant).await;
        assert_eq!((&body["code"], &body["upstream"]["errcode"]), (&"no_ticket".into(), &errcode.into()));
        world
            .within(
                &format!("{COMPONENT} {errcode} | no_ticket until the next one comes"),
                &before,
                TWO_TICKETS,
            )
            .await;
        world.clear_faults().await;
        world.ticket(A).await;
        world.wait_working_token(&merchant).await;
        world.finish().await;
    }

    #[tokio::test]
    async fn with_61005() {
        once(61005).await;
    }

    #[tokio::test]
    async fn with_61006() {
        once(61006).await;
    }

    #[tokio::test]
    async fn with_61005_for_ever() {
        always(61005).await;
    }

    #[tokio::test]
    async fn with_61006_for_ever() {
        always(61006).await;
    }
}

mod the_account {
    use serde_json::{Value, json};

    use super::{A, INFO, LIST, TOKEN, Trouble, heals, lasts, world};

    /// The refused refresh, where another token is, and the refresh with that one.
    const RECOVERY: &[super::Budget] = &[(TOKEN, 2), (INFO, 1), (LIST, 0)];

    #[tokio::test]
    async fn has_another_refresh_token() {
        let trouble = Trouble { api: "", kind: "rotate_refresh_tokens", times: 1, value: Value::Null };
        heals(trouble, RECOVERY).await;
    }

    #[tokio::test]
    async fn has_another_refresh_token_which_only_the_list_tells() {
        let (world, merchant) = world().await;
        world.control("switches", json!({"refresh_token_in_info": "absent"})).await;
        let trouble = Trouble { api: "", kind: "rotate_refresh_tokens", times: 1, value: Value::Null };
        world.trouble(&trouble).await;
        world.wait_working_token(&merchant).await;
        world
            .within(
                "61023, and the info tells no token | heals",
                &[0, 1, 0],
                &[(TOKEN, 2), (INFO, 1), (LIST, 1)],
            )
            .await;
        world.finish().await;
    }

    #[tokio::test]
    async fn has_none_that_works() {
        let budgets = &[(TOKEN, 2), (INFO, 1), (LIST, 1)];
        let (world, merchant) = lasts(Trouble::errcode(TOKEN, 61023), "broken", 0, budgets).await;
        let types = world.types(A, &merchant).await;
        assert_eq!(types.last().map(String::as_str), Some("credentials.rejected"));
        world.finish().await;
    }

    #[tokio::test]
    async fn is_gone_and_nobody_has_told() {
        let (world, merchant) = world().await;
        let before = world.made(RECOVERY).await;
        world.control("switches", json!({"unauthorized_delivery": "lost"})).await;
        let outcome = json!({"component": A, "authorizer": merchant, "act": "revoke"});
        world.control("authorizers", outcome).await;
        let (status, body) = world.ask_often(&merchant).await;
        assert_eq!((status, body["code"].as_str()), (409, Some("revoked")), "{body}");
        world.within(&format!("{TOKEN} 61003 | revoked"), &before, &[(TOKEN, 1), (INFO, 1), (LIST, 0)]).await;
        let types = world.types(A, &merchant).await;
        assert_eq!(types.last().map(String::as_str), Some("authorization.revoked"));
        world.finish().await;
    }
}

mod nobody_is_to_call {
    use super::{A, Budget, TOKEN, Trouble, lasts};

    const ONCE: &[Budget] = &[(TOKEN, 1)];

    #[tokio::test]
    async fn from_an_address_that_is_not_registered() {
        let trouble = Trouble { api: TOKEN, kind: "ip", times: 1_000_000, value: super::Value::Null };
        let (world, _) = lasts(trouble, "upstream_unavailable", 61004, ONCE).await;
        let metrics = world.try_get(&world.admin_url("/metrics")).await.expect("metrics");
        let paused = format!("mandate_wechat_paused{{component=\"{A}\",api=\"{TOKEN}\"}} 1");
        assert!(metrics.as_str().is_some_and(|text| text.contains(&paused)), "{metrics}");
        assert!(world.logs().contains("WeChat saw 127.0.0.1"), "the operator is told the address");
        world.finish().await;
    }

    #[tokio::test]
    async fn when_the_quota_of_the_day_is_spent() {
        let trouble = Trouble { api: TOKEN, kind: "quota", times: 1_000_000, value: super::Value::Null };
        let (world, _) = lasts(trouble, "quota_spent", 45009, ONCE).await;
        world.finish().await;
    }

    #[tokio::test]
    async fn when_there_were_too_many_calls_in_a_minute() {
        let (world, _) = lasts(Trouble::errcode(TOKEN, 45011), "upstream_unavailable", 45011, ONCE).await;
        world.finish().await;
    }
}

mod the_answer {
    use serde_json::{Value, json};

    use super::{INFO, TOKEN, Trouble, heals, world};

    /// The call that failed, and one more when it is due.
    const TWICE: &[super::Budget] = &[(TOKEN, 2)];

    #[tokio::test]
    async fn says_busy() {
        heals(Trouble::errcode(TOKEN, -1).once(), TWICE).await;
    }

    #[tokio::test]
    async fn comes_too_late() {
        heals(Trouble { value: json!("6s"), ..Trouble::of_answer("latency_before") }, TWICE).await;
    }

    #[tokio::test]
    async fn is_a_web_page() {
        heals(Trouble::of_answer("html"), TWICE).await;
    }

    #[tokio::test]
    async fn is_half_of_the_json() {
        heals(Trouble::of_answer("truncated"), TWICE).await;
    }

    #[tokio::test]
    async fn lacks_fields() {
        heals(Trouble::of_answer("missing_fields"), TWICE).await;
    }

    #[tokio::test]
    async fn is_a_status_of_a_proxy() {
        heals(Trouble::of_answer("http_5xx"), TWICE).await;
    }

    #[tokio::test]
    async fn is_lost() {
        heals(Trouble::of_answer("drop_answer"), TWICE).await;
    }

    /// The refresh token that it brought is lost with it.
    #[tokio::test]
    async fn is_lost_and_the_refresh_token_with_it() {
        let (world, merchant) = world().await;
        let budgets = [(TOKEN, 3), (INFO, 1)];
        let before = world.made(&budgets).await;
        world.control("switches", json!({"refresh_token_on_refresh": "at_once"})).await;
        world.trouble(&Trouble::of_answer("drop_answer")).await;
        world.wait_working_token(&merchant).await;
        world
            .within(&format!("{TOKEN} drop_answer with a new refresh token | heals"), &before, &budgets)
            .await;
        world.finish().await;
    }

    #[tokio::test]
    async fn is_lost_for_a_minute() {
        let (world, merchant) = world().await;
        let before = world.made(TWICE).await;
        world.trouble(&Trouble { times: 1_000_000, ..Trouble::of_answer("drop_before") }).await;
        let (_, body) = world.ask_often(&merchant).await;
        assert_eq!(body["code"], "upstream_unavailable");
        assert_eq!(body["upstream"], Value::Null, "WeChat said nothing");
        world.within(&format!("{TOKEN} drop_before | upstream_unavailable"), &before, TWICE).await;
        world.clear_faults().await;
        world.wait_working_token(&merchant).await;
        world.finish().await;
    }
}

/// What an account is not.
#[tokio::test]
async fn unknown_pending_and_revoked_accounts_have_no_token() {
    let world = World::start().await;
    let code = async |merchant: &str| {
        let (status, body) = world.token(merchant).await;
        (status, body["code"].as_str().map(str::to_owned))
    };
    assert_eq!(code("wx00000000000000ff").await, (404, Some("not_found".into())));
    let merchant = world.authorize(A).await;
    world.wait_status(A, &merchant, "pending").await;
    assert_eq!(code(&merchant).await, (503, Some("pending".into())), "no ticket has come");
    world.ticket(A).await;
    world.wait_working_token(&merchant).await;
    world.again(A, &merchant, "revoke").await;
    world.wait_status(A, &merchant, "revoked").await;
    assert_eq!(code(&merchant).await, (409, Some("revoked".into())), "at once");
    world.finish().await;
}
