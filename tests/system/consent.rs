//! Merchants consent: from the link over `WeChat`'s page to the result, against the real processes.

use reqwest::{StatusCode, Url};
use serde_json::{Value, json};

use crate::world::{COMPONENT_A as A, COMPONENT_B as B, Stack, World};

const DONE: &str = "授权成功";

/// A browser: it keeps its cookies, `name=value`, one for each visit.
struct Browser {
    http: reqwest::Client,
    cookies: Vec<String>,
}

/// A page as it came.
struct Seen {
    status: StatusCode,
    body: String,
}

impl Browser {
    fn new() -> Self {
        let policy = reqwest::redirect::Policy::none();
        let http = crate::world::client().redirect(policy).build().expect("a client");
        Self { http, cookies: Vec::new() }
    }

    async fn open(&mut self, url: &str) -> Seen {
        let request = self.http.get(url).header("accept-language", "zh-CN");
        let answer = request.header("cookie", self.cookies.join("; ")).send().await.expect("an answer");
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().expect("text");
            assert!(cookie.contains("; HttpOnly; SameSite=Lax; Path=/authorize"), "{cookie}");
            let pair = cookie.split(';').next().expect("a name and a value").to_owned();
            let name = pair.split('=').next().expect("a name").to_owned() + "=";
            assert!(
                !self.cookies.iter().any(|held| held.starts_with(&name)),
                "each visit has its own: {name}"
            );
            self.cookies.push(pair);
        }
        Seen { status: answer.status(), body: answer.text().await.expect("a page") }
    }

    fn values(&self) -> impl Iterator<Item = String> {
        self.cookies.iter().filter_map(|cookie| cookie.split('=').nth(1)).map(str::to_owned)
    }

    /// Opens a link of ours, follows its button and confirms; where the browser is sent back to.
    async fn consent(&mut self, world: &mut World, link: &str, merchant: &str) -> String {
        let page = self.open(link).await;
        assert_eq!(page.status, 200, "{}", page.body);
        // No cookie's value is anywhere in what the service writes.
        world.planted.extend(self.values());
        let wechat = page.link("button").expect("a button");
        let ask = self.http.get(&wechat).header("referer", world.public_url("/"));
        let shown = ask.send().await.expect("an answer");
        assert_eq!(shown.status(), 200, "{}", shown.text().await.expect("a page"));
        let confirm = self.http.post(&wechat).header("content-type", "application/x-www-form-urlencoded");
        let sent = confirm.body(format!("merchant={merchant}")).send().await.expect("an answer");
        assert_eq!(sent.status(), 303);
        sent.headers()["location"].to_str().expect("text").to_owned()
    }
}

impl Seen {
    fn title(&self) -> &str {
        let (_, rest) = self.body.split_once("<h1>").expect("a title");
        rest.split_once("</h1>").expect("its end").0
    }

    fn part(&self, before: &str, after: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(before)?;
        Some(rest.split_once(after).expect("its end").0.replace("&#38;", "&"))
    }

    /// The address behind the link of this class.
    fn link(&self, class: &str) -> Option<String> {
        self.part(&format!("<a class=\"{class}\" href=\""), "\"")
    }

    #[track_caller]
    fn account(&self) -> String {
        self.part("<p class=\"account\">", "<").unwrap_or_else(|| panic!("{}", self.body))
    }
}

async fn merchants_consent_in_any_order(stack: Stack) {
    let mut world = World::on(stack).await;
    world.ticket(A).await;
    let orders = ["event_first", "redirect_first", "together", "event_lost"];
    let mut accounts = Vec::new();
    for (order, merchant) in
        orders.into_iter().zip(["new_official_account", "new_mini_program"].into_iter().cycle())
    {
        world.control("switches", json!({ "consent_order": order })).await;
        let address = world.link(json!({ "component": A, "tag": format!("tag of {order}") })).await;
        let mut browser = Browser::new();
        let back = browser.consent(&mut world, &address, merchant).await;
        let landed = browser.open(&back).await;
        assert_eq!((landed.status.as_u16(), landed.title()), (200, DONE), "{order}: {}", landed.body);
        let account = landed.account();
        assert_eq!(world.authorizer(A, &account).await["status"], "authorized", "{order}");
        let again = browser.open(&back).await;
        assert_eq!((again.title(), again.account()), (DONE, account.clone()), "a reload shows the same");
        accounts.push((order, account));
    }
    world
        .wait("the push that comes later", async |world| {
            let pushes = world.observe("pushes").await;
            let told =
                pushes["data"].as_array().expect("a list").iter().filter(|push| push["name"] == "authorized");
            (told.filter(|push| push["deliveries"][0]["ok"] == true).count() == 3).then_some(())
        })
        .await;
    world.settle().await;
    for (order, account) in accounts {
        let history = world.history(A, &account).await;
        let granted: Vec<&Value> =
            history.iter().filter(|event| event["type"] == "mandate.authorization.granted.v1").collect();
        let [granted] = granted.as_slice() else { panic!("{order}: {history:#?}") };
        assert_eq!(granted["data"]["tag"], format!("tag of {order}"));
        let expected = if matches!(order, "redirect_first" | "event_lost") { "redirect" } else { "callback" };
        assert!(order == "together" || granted["data"]["via"] == expected, "{order}: {granted}");
    }
    assert_eq!(world.calls("api_query_auth").await, [0; 4], "each code is redeemed once");
    world
        .wait("the audit trail", async |world| {
            world.command(&["audit"]).1.contains("link.created").then_some(())
        })
        .await;
    world.finish().await;
}

async fn what_comes_back_wrong_is_refused_and_loses_nothing(stack: Stack) {
    let mut world = World::on(stack).await;
    world.ticket(A).await;
    world.ticket(B).await;
    let (for_a, for_b) =
        (world.link(json!({ "component": A })).await, world.link(json!({ "component": B })).await);
    let mut browser = Browser::new();
    // Two visits of one browser: the first code is kept back, and WeChat's push about it is lost.
    world.control("switches", json!({ "consent_order": "event_lost" })).await;
    let kept = browser.consent(&mut world, &for_a, "new_official_account").await;
    let of_b = browser.consent(&mut world, &for_b, "new_official_account").await;
    let code = |back: &str| {
        let url = Url::parse(back).expect("an address");
        let code = url.query_pairs().find(|(name, _)| name == "auth_code").expect("a code").1.into_owned();
        (back.split('?').next().expect("a path").to_owned(), code)
    };
    let ((landing, code_of_a), (landing_of_b, code_of_b)) = (code(&kept), code(&of_b));
    let with = |landing: &str, code: &str| {
        Url::parse_with_params(landing, [("auth_code", code), ("expires_in", "3600")]).expect("an address")
    };

    let stranger = Browser::new().open(&kept).await;
    assert_eq!((stranger.status.as_u16(), stranger.title()), (403, "请使用原来的浏览器"));
    let mut other = Browser::new();
    other.open(&for_a).await;
    world.planted.extend(other.values());
    assert_eq!(other.open(&kept).await.status, 403);
    let mut forged = landing.clone();
    let last = forged.pop();
    forged.push(if last == Some('A') { 'Q' } else { 'A' });
    let forged = browser.open(with(&forged, &code_of_a).as_str()).await;
    assert_eq!((forged.status.as_u16(), forged.title()), (404, "页面无效"));
    assert_eq!(browser.open(&landing).await.status, 400, "a landing without a code");
    assert_eq!(world.calls("api_query_auth").await, [0; 0], "nothing was redeemed");

    // The code of another component: this visit is used up by it, the code is not.
    let mut wrong = Browser::new();
    let mine = wrong.consent(&mut world, &for_a, "new_official_account").await;
    let (mine, code_of_mine) = code(&mine);
    let refused = wrong.open(with(&mine, &code_of_b).as_str()).await;
    assert_eq!((refused.status.as_u16(), refused.title()), (200, "授权没有完成"), "{}", refused.body);
    assert_eq!(refused.link("button").as_deref(), Some(for_a.as_str()), "it leads to another try");
    let replayed = wrong.open(with(&mine, &code_of_mine).as_str()).await;
    assert_eq!((replayed.status.as_u16(), replayed.title()), (409, "页面已经使用过"));
    assert_eq!(wrong.open(with(&mine, &code_of_b).as_str()).await.title(), "授权没有完成");

    for (landing, code) in [(&landing, &code_of_a), (&landing_of_b, &code_of_b)] {
        let landed = browser.open(with(landing, code).as_str()).await;
        assert_eq!(landed.title(), DONE, "nothing was lost: {}", landed.body);
    }
    assert_eq!(world.calls("api_query_auth").await, [61009, 0, 0]);
    world.finish().await;
}

/// The browser is still waiting for the result when the service dies.
async fn a_code_that_came_survives_the_service(stack: Stack) {
    let mut world = World::on(stack).await;
    world.ticket(A).await;
    world.control("switches", json!({ "consent_order": "event_lost" })).await;
    let address = world.link(json!({ "component": A })).await;
    let mut browser = Browser::new();
    let back = browser.consent(&mut world, &address, "new_official_account").await;
    world.fault("api_query_auth", "drop_before", 1, json!("30s")).await;
    let (http, url, cookie) = (browser.http.clone(), back.clone(), browser.cookies.join("; "));
    let waiting =
        tokio::spawn(async move { http.get(url).header("cookie", cookie).send().await.map(|_| ()) });
    world
        .wait("the call to be under way", async |world| {
            let faults = world.observe("faults").await;
            faults["data"].as_array().is_some_and(Vec::is_empty).then_some(())
        })
        .await;
    world.kill_service().await;
    assert!(waiting.await.expect("no panic").is_err(), "the browser got no answer");
    world.start_service(&[]).await;
    let account = world
        .wait("the redemption", async |world| {
            let list = world.api("/authorizers").await;
            list["data"][0]["app_id"].as_str().map(str::to_owned)
        })
        .await;
    world.wait_status(A, &account, "authorized").await;
    let landed = browser.open(&back).await;
    assert_eq!((landed.title(), landed.account()), (DONE, account));
    world.finish().await;
}

#[tokio::test]
async fn merchants_consent_in_any_order_of_push_and_redirect() {
    merchants_consent_in_any_order(Stack::Embedded).await;
}

#[tokio::test]
async fn what_comes_back_wrong_is_refused() {
    what_comes_back_wrong_is_refused_and_loses_nothing(Stack::Embedded).await;
}

#[tokio::test]
async fn a_code_survives_a_kill() {
    a_code_that_came_survives_the_service(Stack::Embedded).await;
}

#[tokio::test]
async fn a_merchant_is_led_on_with_the_outcome() {
    let mut world = World::start().await;
    world.ticket(A).await;
    let target = world.simulator_url("/_control/clock?from=consent");
    let address = world.link(json!({ "component": A, "return_url": target })).await;
    let mut browser = Browser::new();
    let back = browser.consent(&mut world, &address, "new_mini_program").await;
    let landed = browser.open(&back).await;
    let account = landed.account();
    let onward = format!("{target}&mandate_status=authorized&authorizer={account}");
    assert_eq!(landed.link("button").as_ref(), Some(&onward));
    let refresh = landed.part("http-equiv=\"refresh\" content=\"", "\"");
    assert_eq!(refresh, Some(format!("3;url={onward}")));
    world.finish().await;
}

mod on_servers {
    use super::*;

    #[tokio::test]
    async fn merchants_consent_in_any_order_of_push_and_redirect() {
        merchants_consent_in_any_order(Stack::Servers).await;
    }

    #[tokio::test]
    async fn what_comes_back_wrong_is_refused() {
        what_comes_back_wrong_is_refused_and_loses_nothing(Stack::Servers).await;
    }

    #[tokio::test]
    async fn a_code_survives_a_kill() {
        a_code_that_came_survives_the_service(Stack::Servers).await;
    }
}
