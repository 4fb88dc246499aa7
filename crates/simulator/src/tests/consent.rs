//! The page on which a merchant consents.

use reqwest::{Method, StatusCode, Url, redirect::Policy};
use serde_json::json;

use super::*;

/// The page that a platform's button leads from.
const PLATFORM: &str = "http://platform.example:8082";
const IN_WECHAT: &str = "Mozilla/5.0 (iPhone) MicroMessenger/8.0.50";
/// The parameters of the form inside the app beside the others.
const MOBILE: [(&str, &str); 2] = [("action", "bindcomponent"), ("no_scan", "1")];

/// A browser on its way to the page.
struct Visit<'a> {
    world: &'a World,
    path: &'static str,
    agent: &'static str,
    referer: Option<&'a str>,
    query: Vec<(&'static str, String)>,
}

impl World {
    async fn pre_auth_code(&self) -> String {
        let token = self.component_token().await;
        let answer =
            self.api("api_create_preauthcode", &token, json!({ "component_appid": COMPONENT })).await;
        answer["pre_auth_code"].as_str().expect("a code").to_owned()
    }

    async fn visit(&self) -> Visit<'_> {
        let query = vec![
            ("component_appid", COMPONENT.to_owned()),
            ("pre_auth_code", self.pre_auth_code().await),
            ("redirect_uri", format!("{PLATFORM}/authorize/return/state?x=1")),
            ("auth_type", "3".to_owned()),
        ];
        let referer = Some("http://platform.example:8082/");
        Visit { world: self, path: "/cgi-bin/componentloginpage", agent: "Mozilla/5.0", referer, query }
    }
}

impl Visit<'_> {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.retain(|(other, _)| *other != name);
        self.query.push((name, value.into()));
        self
    }

    async fn ask(&self, method: Method, body: Option<&str>) -> (StatusCode, String, String) {
        let mut url =
            Url::parse(&format!("{}{}", self.world.simulator.url(), self.path)).expect("an address");
        url.query_pairs_mut().extend_pairs(&self.query);
        let client =
            reqwest::Client::builder().no_proxy().redirect(Policy::none()).tls_certs_only([]).build();
        let mut request = client.expect("a client").request(method, url).header("user-agent", self.agent);
        if let Some(referer) = self.referer {
            request = request.header("referer", referer);
        }
        if let Some(body) = body {
            request =
                request.header("content-type", "application/x-www-form-urlencoded").body(body.to_owned());
        }
        let answer = request.send().await.expect("an answer");
        let location = answer.headers().get("location").map(|value| value.to_str().expect("text").to_owned());
        (answer.status(), location.unwrap_or_default(), answer.text().await.expect("a page"))
    }

    /// What the page says that does not open.
    async fn refused(&self) -> String {
        let (status, _, page) = self.ask(Method::GET, None).await;
        assert_eq!(status, 403, "{page}");
        assert!(!page.contains("<form"), "{page}");
        page.split_once("id=\"refusal\">").expect("a reason").1.split_once('<').expect("its end").0.to_owned()
    }

    /// Where the browser goes when this merchant has confirmed.
    async fn confirm(&self, merchant: &str) -> Url {
        let (status, location, page) = self.ask(Method::POST, Some(&format!("merchant={merchant}"))).await;
        assert_eq!(status, 303, "{page}");
        Url::parse(&location).expect("an address")
    }
}

#[tokio::test]
async fn a_merchant_confirms_and_the_browser_goes_back_with_a_code_that_can_be_redeemed() {
    let world = World::new().await;
    let visit = world.visit().await;
    let (status, _, page) = visit.ask(Method::GET, None).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("new_official_account") && page.contains("new_mini_program"), "{page}");
    let back = visit.confirm("new_mini_program").await;
    assert!(back.as_str().starts_with("http://platform.example:8082/authorize/return/state?x=1&auth_code="));
    let pushed = world.receiver.last();
    assert_eq!(pushed.field("InfoType"), "authorized", "the push came first");
    assert_eq!(pushed.field("PreAuthCode"), visit.query[1].1);
    let value =
        |name: &str| back.query_pairs().find(|(other, _)| other == name).expect("there").1.into_owned();
    assert_eq!((value("auth_code"), value("expires_in")), (pushed.field("AuthorizationCode"), "3600".into()));
    let token = world.component_token().await;
    let body = json!({ "component_appid": COMPONENT, "authorization_code": value("auth_code") });
    let redeemed = world.api("api_query_auth", &token, body).await;
    assert_eq!(redeemed["authorization_info"]["authorizer_appid"], pushed.field("AuthorizerAppid"));
    let again = visit.refused().await;
    assert!(again.contains("pre-auth code"), "one code, one consent: {again}");
}

#[tokio::test]
async fn the_page_opens_only_for_who_comes_from_the_host_that_it_leads_back_to() {
    let world = World::new().await;
    let good = world.visit().await;
    for referer in [
        None,
        Some(""),
        Some("nonsense"),
        Some("https://evil.example/"),
        Some("http://platform.example/"),
        Some("http://platform.example:8083/"),
        Some("http://platform.example.evil.example:8082/"),
    ] {
        let refused = Visit { referer, query: good.query.clone(), ..world.visit().await }.refused().await;
        assert!(refused.contains("referer"), "{referer:?}: {refused}");
    }
    assert_eq!(good.ask(Method::GET, None).await.0, 200, "nothing was lost by it");
}

#[tokio::test]
async fn an_address_that_wechat_would_not_take_is_refused_with_the_reason() {
    let world = World::new().await;
    for (name, value, reason) in [
        ("component_appid", "wx0000000000000000", "component_appid"),
        ("component_appid", "", "component_appid"),
        ("pre_auth_code", "preauthcode@@@made up", "pre-auth code"),
        ("pre_auth_code", "", "pre-auth code"),
        ("redirect_uri", "/authorize", "redirect_uri"),
        ("auth_type", "", "auth_type"),
        ("auth_type", "7", "auth_type"),
        ("biz_appid", "?", "biz_appid"),
        ("category_id_list", "1,2", "category_id_list"),
    ] {
        let refused = world.visit().await.with(name, value).refused().await;
        assert!(refused.contains(reason), "{name}={value}: {refused}");
    }
    let late = world.visit().await;
    world.order("clock", json!({ "advance": "31m" })).await;
    assert!(late.refused().await.contains("pre-auth code"));
}

#[tokio::test]
async fn inside_wechat_the_page_has_a_form_of_its_own() {
    let world = World::new().await;
    let path = "/wxaopen/safe/bindcomponent";
    let visit = Visit { path, agent: IN_WECHAT, ..world.visit().await };
    assert!(visit.refused().await.contains("bindcomponent"), "its own parameters are required");
    let visit = MOBILE.into_iter().fold(visit, |visit, (name, value)| visit.with(name, value));
    assert_eq!(visit.ask(Method::GET, None).await.0, 200);
    let elsewhere = Visit { agent: "Mozilla/5.0", ..visit };
    assert!(elsewhere.refused().await.contains("inside WeChat"));
}

#[tokio::test]
async fn only_accounts_that_were_asked_for_may_confirm() {
    let world = World::new().await;
    let official = world
        .order("authorizers", json!({"component": COMPONENT, "act": "create", "kind": "official_account"}));
    let official = official.await["authorizer"].as_str().expect("an appid").to_owned();
    let mini =
        world.order("authorizers", json!({"component": COMPONENT, "act": "create", "kind": "mini_program"}));
    let mini = mini.await["authorizer"].as_str().expect("an appid").to_owned();
    for (auth_type, offered, not_offered) in [("1", &official, &mini), ("2", &mini, &official)] {
        let (_, _, page) = world.visit().await.with("auth_type", auth_type).ask(Method::GET, None).await;
        assert!(page.contains(offered.as_str()) && !page.contains(not_offered.as_str()), "{page}");
    }
    let only = world.visit().await.with("biz_appid", official.clone());
    for other in [mini.as_str(), "new_official_account", "?"] {
        let (status, _, page) = only.ask(Method::POST, Some(&format!("merchant={other}"))).await;
        assert_eq!(status, 403, "{other}: {page}");
    }
    let only = only.with("category_id_list", "1|15");
    only.confirm(&official).await;
    assert_eq!(world.receiver.last().field("InfoType"), "authorized");
    let permissions = &world.get(&format!("/_control/state?authorizer={official}")).await.1;
    assert!(permissions.to_string().contains("[1,15]"), "{permissions}");
    world.visit().await.confirm(&official).await;
    assert_eq!(world.receiver.last().field("InfoType"), "updateauthorized");
}

#[tokio::test]
async fn a_switch_says_which_of_push_and_redirect_comes_first() {
    let world = World::new().await;
    let pushed = || world.receiver.all().iter().filter(|push| push.field("InfoType") == "authorized").count();
    world.order("switches", json!({ "consent_order": "event_lost" })).await;
    world.visit().await.confirm("new_official_account").await;
    world.order("switches", json!({ "consent_order": "redirect_first" })).await;
    world.visit().await.confirm("new_official_account").await;
    assert_eq!(pushed(), 0);
    world.receiver.until(3).await; // with the two tickets that came for the pre-auth codes
    world.order("switches", json!({ "consent_order": "together" })).await;
    world.visit().await.confirm("new_official_account").await;
    world.receiver.until(5).await;
    assert_eq!(pushed(), 2);
}
