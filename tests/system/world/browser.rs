//! Chromium, driven over `WebDriver` (W3C), with a profile of its own that is removed at the end.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{PATIENCE, client, free_port};

/// The key under which `WebDriver` names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// What a browser is like.
pub(crate) struct Looks {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) language: &'static str,
    /// Whether it says that it is the one inside `WeChat` on a phone.
    pub(crate) in_wechat: bool,
}

/// A browser with one window.
pub(crate) struct Browser {
    driver: Child,
    http: reqwest::Client,
    session: String,
    _profile: TempDir,
}

impl Browser {
    pub(crate) async fn start(looks: &Looks) -> Self {
        let (port, profile) = (free_port(), TempDir::new().expect("a temporary folder"));
        let capabilities = capabilities(looks, profile.path());
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed by tests/run");
        let http = client().build().expect("a client");
        let url = format!("http://127.0.0.1:{port}");
        let mut browser = Self { driver, http, session: String::new(), _profile: profile };
        let deadline = Instant::now() + PATIENCE;
        while browser.http.get(format!("{url}/status")).send().await.is_err() {
            assert!(Instant::now() < deadline, "chromedriver does not answer");
            sleep(Duration::from_millis(15)).await;
        }
        let order = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let made = browser.post(&format!("{url}/session"), order).await;
        let id = made["sessionId"].as_str().expect("a session").to_owned();
        browser.session = format!("{url}/session/{id}");
        // The page of a new window is the browser's own business.
        browser.open("about:blank").await;
        browser.log("performance").await;
        browser
    }

    async fn post(&self, url: &str, body: Value) -> Value {
        value_of(self.http.post(url).json(&body).send().await)
            .await
            .unwrap_or_else(|error| panic!("{url} {body}: {error}"))
    }

    async fn ask(&self, path: &str, body: Value) -> Value {
        self.post(&format!("{}/{path}", self.session), body).await
    }

    pub(crate) async fn open(&self, url: &str) {
        self.ask("url", json!({ "url": url })).await;
    }

    pub(crate) async fn reload(&self) {
        self.ask("refresh", json!({})).await;
    }

    pub(crate) async fn url(&self) -> String {
        let url = value_of(self.http.get(format!("{}/url", self.session)).send().await).await;
        url.expect("a window").as_str().expect("text").to_owned()
    }

    /// The text of the first element that the selector finds; waits for it.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let script = "const found = document.querySelector(arguments[0]); return found && found.innerText";
        self.until(script, json!([selector]), &format!("an element {selector}"), Value::is_string)
            .await
            .as_str()
            .expect("text")
            .to_owned()
    }

    /// Waits until the address of the page begins so.
    pub(crate) async fn until_at(&self, address: &str) {
        let here = |url: &Value| url.as_str().is_some_and(|url| url.starts_with(address));
        self.until("return location.href", json!([]), address, here).await;
    }

    async fn until(&self, script: &str, args: Value, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.run(script, args.clone()).await;
            if holds(&found) {
                return found;
            }
            assert!(Instant::now() < deadline, "waited in vain for {what} at {}", self.url().await);
            sleep(Duration::from_millis(15)).await;
        }
    }

    /// What a script returns; `Null` also while a page is being left.
    pub(crate) async fn run(&self, script: &str, args: Value) -> Value {
        let body = json!({ "script": script, "args": args });
        let answer = self.http.post(format!("{}/execute/sync", self.session)).json(&body).send().await;
        value_of(answer).await.unwrap_or(Value::Null)
    }

    /// Clicks, as a person does: scrolled into view, at its centre.
    pub(crate) async fn click(&self, selector: &str) {
        let found = self.ask("element", json!({ "using": "css selector", "value": selector })).await;
        let id = found[ELEMENT].as_str().expect("an element");
        self.ask(&format!("element/{id}/click"), json!({})).await;
    }

    /// What the page logged and every request that it made, since the last time.
    pub(crate) async fn log(&self, kind: &str) -> Vec<Value> {
        self.ask("se/log", json!({ "type": kind })).await.as_array().expect("a list").clone()
    }

    /// Keeps a picture of the window, if `MANDATE_TEST_SCREENSHOTS` names a folder.
    pub(crate) async fn screenshot(&self, name: &str) {
        let Some(folder) = std::env::var_os("MANDATE_TEST_SCREENSHOTS").map(PathBuf::from) else { return };
        let picture = value_of(self.http.get(format!("{}/screenshot", self.session)).send().await).await;
        let picture = STANDARD.decode(picture.expect("a window").as_str().expect("text")).expect("base64");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(format!("{name}.png")), picture).expect("a writable folder");
    }

    pub(crate) async fn quit(mut self) {
        let ended = self.http.delete(&self.session).send().await;
        assert!(ended.is_ok_and(|answer| answer.status().is_success()), "the browser ends");
        self.driver.kill().expect("it runs");
        self.driver.wait().expect("it was started here");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // After a failure; the browser itself ends with its driver.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn capabilities(looks: &Looks, profile: &Path) -> Value {
    let Looks { width, height, language, in_wechat } = looks;
    let mut arguments = vec![
        "--headless=new".to_owned(),
        "--no-sandbox".to_owned(), // tests run as root, too
        "--disable-dev-shm-usage".to_owned(),
        "--disable-background-networking".to_owned(),
        format!("--window-size={width},{height}"),
        format!("--user-data-dir={}", profile.display()),
        format!("--lang={language}"),
    ];
    let mut options = json!({
        "binary": "/usr/bin/chromium",
        "prefs": { "intl.accept_languages": language },
    });
    if *in_wechat {
        arguments.push("--user-agent=Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 MicroMessenger/8.0.50".into());
        options["mobileEmulation"] = json!({
            "deviceMetrics": { "width": width, "height": height, "pixelRatio": 2.0, "touch": true },
        });
    }
    options["args"] = json!(arguments);
    json!({
        "browserName": "chrome",
        "goog:chromeOptions": options,
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
    })
}

async fn value_of(answer: reqwest::Result<reqwest::Response>) -> Result<Value, String> {
    let text = answer.map_err(|error| error.to_string())?.text().await.map_err(|error| error.to_string())?;
    let answer: Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
    match answer["value"]["error"].as_str() {
        None => Ok(answer["value"].clone()),
        Some(error) => Err(format!("{error}: {}", answer["value"]["message"])),
    }
}
