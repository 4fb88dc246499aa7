//! The release check against a platform that does everything right but one thing.

use serde_json::json;

use super::{receiver::Received, *};
use crate::{envelope, xml};

/// What the platform does wrong, by the item that must show it.
const DEFECTS: [(&str, &str); 7] = [
    ("ticket", "not answered with `success`"),
    ("authorization", "not answered with `success`"),
    ("text", "no passive reply \"TESTCOMPONENT_MSG_TYPE_TEXT_callback\""),
    ("event", "says \"from_callback\", not \"LOCATIONfrom_callback\""),
    ("api_text", "not answered with an empty body"),
    ("api_text_mini_program", "calls meanwhile: api_query_auth → 0"),
    ("revocation", "not answered with `success`"),
];

const MINI_PROGRAM: &str = "wx7720d01d4b2a4500";

/// A platform in a few lines.
#[derive(Clone)]
struct Platform {
    http: reqwest::Client,
    simulator: String,
    component_token: String,
    defect: &'static str,
}

impl Platform {
    fn answer(&self, push: &Received) -> (u16, String) {
        if push.path == "/events" {
            let item = match push.field("InfoType").as_str() {
                "component_verify_ticket" => "ticket",
                "authorized" => "authorization",
                _ => "revocation",
            };
            return (200, if item == self.defect { "ok" } else { "success" }.to_owned());
        }
        if push.field("MsgType") == "event" {
            let event = if self.defect == "event" { String::new() } else { push.field("Event") };
            return reply(push, &format!("{event}from_callback"));
        }
        let content = push.field("Content");
        let is_mini_program = push.path.ends_with(MINI_PROGRAM);
        match content.strip_prefix("QUERY_AUTH_CODE:") {
            None if self.defect == "text" => (200, "success".to_owned()),
            None => reply(push, &format!("{content}_callback")),
            Some(_) if self.defect == "api_text" && !is_mini_program => (200, "success".to_owned()),
            Some(code) => {
                let silent = is_mini_program && self.defect == "api_text_mini_program";
                tokio::spawn(self.clone().send(code.to_owned(), push.field("FromUserName"), silent));
                (200, String::new())
            }
        }
    }

    async fn send(self, code: String, to_user: String, silent: bool) {
        let redeem = json!({ "component_appid": COMPONENT, "authorization_code": code });
        let path = "component/api_query_auth?component_access_token";
        let granted = self.call(path, &self.component_token, redeem).await;
        if silent {
            return;
        }
        let token = granted["authorization_info"]["authorizer_access_token"].as_str().expect("a token");
        let content = format!("{code}_from_api");
        let message = json!({ "touser": to_user, "msgtype": "text", "text": { "content": content } });
        self.call("message/custom/send?access_token", token, message).await;
    }

    async fn call(&self, path: &str, token: &str, body: Value) -> Value {
        let call = self.http.post(format!("{}/cgi-bin/{path}={token}", self.simulator));
        call.body(body.to_string()).send().await.expect("an answer").json().await.expect("JSON")
    }
}

/// A passive text reply.
fn reply(push: &Received, content: &str) -> (u16, String) {
    let (to, from) = (push.field("FromUserName"), push.field("ToUserName"));
    let text = format!(
        "<xml><ToUserName>{to}</ToUserName><FromUserName>{from}</FromUserName><CreateTime>1767225600</CreateTime>\
         <MsgType>text</MsgType><Content>{content}</Content></xml>"
    );
    let pair = receiver::pair();
    let encrypted = envelope::encrypt(&pair.key, *b"0123456789abcdef", &text, COMPONENT);
    let signature = pair.msg_signature("1767225600", "7", &encrypted);
    let body = format!(
        "<xml><Encrypt>{encrypted}</Encrypt><MsgSignature>{signature}</MsgSignature>\
         <TimeStamp>1767225600</TimeStamp><Nonce>7</Nonce></xml>"
    );
    (200, body)
}

async fn check(defect: &'static str) -> Value {
    let world = World::new().await;
    let component_token = world.component_token().await;
    let (http, simulator) = (world.http.clone(), world.simulator.url());
    let platform = Platform { http, simulator, component_token, defect };
    world.receiver.answers_by(move |push| platform.answer(push));
    let wait = if defect == "api_text_mini_program" { "1s" } else { "1m" };
    let spec = json!({ "component": COMPONENT, "group": 3, "wait": wait });
    world.order("release-check", spec).await
}

#[tokio::test]
async fn a_platform_that_does_everything_right_passes() {
    let report = check("").await;
    assert_eq!(report["passed"], true, "{report:#}");
    assert_eq!(report["items"].as_array().map(Vec::len), Some(DEFECTS.len()));
}

#[tokio::test]
async fn each_item_shows_its_own_defect_and_what_was_exchanged() {
    for (defect, cause) in DEFECTS {
        let report = check(defect).await;
        assert_eq!(report["passed"], false, "{defect}");
        for item in report["items"].as_array().expect("items") {
            assert_eq!(item["passed"], item["name"] != defect, "{defect}: {item:#}");
            if item["name"] == defect {
                let said = item["cause"].as_str().expect("a cause");
                assert!(said.contains(cause), "{defect}: {said}");
                let sent = item["exchanges"][0]["sent"].as_str().expect("what was sent");
                assert!(xml::child_text(sent, "CreateTime").is_some(), "{sent}");
                assert!(
                    item["exchanges"][0]["received"].as_str().is_some_and(|text| text.starts_with("200 "))
                );
            }
        }
    }
}

#[tokio::test]
async fn an_order_for_no_group_or_to_wait_for_ever_is_refused() {
    let world = World::new().await;
    for (more, reason) in [(json!({ "group": 6 }), "1 to 5"), (json!({ "wait": "1h" }), "5m")] {
        let mut body = json!({ "component": COMPONENT });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let (status, problem) = world.post("/_control/release-check", &body).await;
        assert_eq!(status, 400);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(reason)), "{problem}");
    }
}

#[tokio::test]
async fn a_message_that_was_sent_is_remembered_with_whom_it_went_to() {
    let world = World::new().await;
    let token = world.component_token().await;
    let granted = world.order("authorizers", json!({ "component": COMPONENT, "act": "authorize" })).await;
    let redeem = json!({ "component_appid": COMPONENT, "authorization_code": granted["code"] });
    let redeemed = world.api("api_query_auth", &token, redeem).await;
    let token = redeemed["authorization_info"]["authorizer_access_token"].as_str().expect("a token");
    let message = json!({ "touser": "oXyz", "msgtype": "text", "text": { "content": "hi" } });
    let (_, answer) =
        world.post(&format!("/cgi-bin/message/custom/send?access_token={token}"), &message).await;
    assert_eq!(answer["errcode"].as_i64().unwrap_or(0), 0, "{answer}");
    let (_, messages) = world.get("/_control/messages").await;
    let message = &messages["data"][0];
    assert_eq!(message["authorizer"], granted["authorizer"]);
    assert_eq!((message["to_user"].as_str(), message["content"].as_str()), (Some("oXyz"), Some("hi")));
}
