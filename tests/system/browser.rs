//! A merchant with a real browser: opens the link, consents on `WeChat`'s page, looks at the result.

use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use crate::world::{
    COMPONENT_A as A, World,
    browser::{Browser, Looks},
};

/// How soon the API must show what the merchant is told.
const SOON: Duration = Duration::from_secs(2);

struct Case {
    name: &'static str,
    looks: Looks,
    /// The path of `WeChat`'s page for this browser.
    wechat: &'static str,
    ask: &'static str,
    done: &'static str,
}

const CASES: [Case; 4] = [
    Case {
        name: "phone-zh",
        looks: Looks { width: 375, height: 667, language: "zh-CN", in_wechat: true },
        wechat: "/wxaopen/safe/bindcomponent?",
        ask: "授权您的公众号或小程序",
        done: "授权成功",
    },
    Case {
        name: "phone-en",
        looks: Looks { width: 320, height: 568, language: "en-US", in_wechat: true },
        wechat: "/wxaopen/safe/bindcomponent?",
        ask: "Authorize your WeChat account",
        done: "Authorized",
    },
    Case {
        name: "desktop-zh",
        looks: Looks { width: 1280, height: 800, language: "zh-CN", in_wechat: false },
        wechat: "/cgi-bin/componentloginpage?",
        ask: "授权您的公众号或小程序",
        done: "授权成功",
    },
    Case {
        name: "desktop-en",
        looks: Looks { width: 1280, height: 800, language: "en-US", in_wechat: false },
        wechat: "/cgi-bin/componentloginpage?",
        ask: "Authorize your WeChat account",
        done: "Authorized",
    },
];

/// The page fits its window, and has asked nobody but this machine for anything.
async fn check(browser: &Browser, what: &str) {
    let wide = browser.run("return document.documentElement.scrollWidth > innerWidth", json!([])).await;
    assert_eq!(wide, false, "{what}: no scrolling sideways");
    let complaints = browser.log("browser").await;
    assert!(complaints.is_empty(), "{what}: {complaints:?}");
    for entry in browser.log("performance").await {
        let message: Value = serde_json::from_str(entry["message"].as_str().expect("text")).expect("JSON");
        if message["message"]["method"] == "Network.requestWillBeSent" {
            let url = message["message"]["params"]["request"]["url"].as_str().expect("an address");
            assert!(url.starts_with("http://127.0.0.1:"), "{what}: {url:.100}");
        }
    }
}

async fn consents(case: &Case) {
    let world = World::start().await;
    world.ticket(A).await;
    let address = world.link(json!({ "component": A, "tag": case.name })).await;
    let browser = Browser::start(&case.looks).await;

    browser.open(&address).await;
    assert_eq!(browser.text("h1").await, case.ask);
    browser.screenshot(&format!("{}-1-ask", case.name)).await;
    check(&browser, case.name).await;

    browser.click(".button").await;
    browser.until_at(&world.simulator_url(case.wechat)).await;
    browser.text("#confirm").await;
    browser.screenshot(&format!("{}-2-wechat", case.name)).await;
    browser.click("#confirm").await;

    browser.until_at(&world.public_url("/authorize/return/")).await;
    assert_eq!(browser.text("h1").await, case.done);
    let seen = Instant::now();
    let account = browser.text(".account").await;
    world.wait_status(A, &account, "authorized").await;
    assert!(seen.elapsed() < SOON, "{}: took {:?}", case.name, seen.elapsed());
    browser.screenshot(&format!("{}-3-done", case.name)).await;
    check(&browser, case.name).await;
    let history = world.history(A, &account).await;
    assert_eq!(history[0]["data"]["tag"], case.name);

    browser.reload().await;
    assert_eq!(browser.text("h1").await, case.done);
    assert_eq!(browser.text(".account").await, account);
    browser.quit().await;
    world.finish().await;
}

#[tokio::test]
async fn a_merchant_consents_on_a_phone_in_chinese() {
    consents(&CASES[0]).await;
}

#[tokio::test]
async fn a_merchant_consents_on_a_phone_in_english() {
    consents(&CASES[1]).await;
}

#[tokio::test]
async fn a_merchant_consents_at_a_desk_in_chinese() {
    consents(&CASES[2]).await;
}

#[tokio::test]
async fn a_merchant_consents_at_a_desk_in_english() {
    consents(&CASES[3]).await;
}

#[tokio::test]
async fn a_merchant_is_led_on_to_the_operators_page() {
    let world = World::start().await;
    world.ticket(A).await;
    let target = world.simulator_url("/_control/clock");
    let address = world.link(json!({ "component": A, "return_url": target })).await;
    let browser = Browser::start(&CASES[2].looks).await;
    browser.open(&address).await;
    browser.click(".button").await;
    browser.text("#confirm").await;
    browser.click("#confirm").await;
    browser.until_at(&format!("{target}?mandate_status=authorized&authorizer=wx")).await;
    browser.quit().await;

    // A link that is gone, and a stranger's landing.
    let browser = Browser::start(&CASES[0].looks).await;
    browser.open(&world.public_url("/authorize/nosuchlink")).await;
    assert_eq!(browser.text("h1").await, "链接无效");
    browser.screenshot("phone-zh-4-unknown").await;
    browser.quit().await;
    world.finish().await;
}
