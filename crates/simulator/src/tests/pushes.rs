//! Pushes: what arrives, how often, in which order, and how answers are judged.

use std::{collections::HashSet, time::Duration};

use serde_json::json;

use super::*;
use crate::{envelope::Pair, xml};

fn names(world: &World) -> Vec<String> {
    world.receiver.all().iter().map(|push| push.field("InfoType")).collect()
}

fn authorizer(act: &str, more: &Value) -> Value {
    let mut body = json!({ "component": COMPONENT, "authorizer": MERCHANT, "act": act });
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn a_ticket_push_is_signed_twice_and_sealed_for_the_component() {
    let world = World::new().await;
    world.order("push", json!({ "component": COMPONENT, "info_type": "component_verify_ticket" })).await;
    let push = world.receiver.last();
    let query = |name: &str| push.query[name].as_str();
    assert_eq!((push.path.as_str(), query("tenant")), ("/events", "1"), "the URL's own query stays");
    assert_eq!(query("signature"), receiver::pair().signature(query("timestamp"), query("nonce")));
    assert_eq!(xml::child_text(&push.body, "AppId").as_deref(), Some(COMPONENT));
    assert!(push.field("ComponentVerifyTicket").starts_with("ticket@@@"));
    assert!(!push.query.contains_key("openid"));
}

#[tokio::test]
async fn duplicates_say_the_same_and_are_encrypted_anew() {
    let world = World::new().await;
    let order = json!({ "component": COMPONENT, "info_type": "component_verify_ticket", "times": 3 });
    let answer = world.order("push", order.clone()).await;
    assert_eq!(answer["deliveries"].as_array().map(Vec::len), Some(3));
    let all = world.receiver.all();
    let documents: HashSet<_> = all.iter().map(receiver::Received::document).collect();
    let bodies: HashSet<_> = all.iter().map(|push| &push.body).collect();
    assert_eq!((documents.len(), bodies.len()), (1, 3));
    world.order("switches", json!({ "duplicate_pushes": "twice" })).await;
    let answer = world.order("push", order).await;
    assert_eq!(answer["deliveries"].as_array().map(Vec::len), Some(6));
}

#[tokio::test]
async fn an_authorization_takes_its_whole_way_through_the_api() {
    let world = World::new().await;
    let answer = world.order("authorizers", authorizer("authorize", &json!({ "permissions": [1, 2] }))).await;
    assert_eq!(answer["authorizer"], MERCHANT);
    assert_eq!(answer["deliveries"][0]["ok"], true);
    let code = world.receiver.last().field("AuthorizationCode");
    assert_eq!(answer["code"], json!(code));
    let token = world.component_token().await;
    let body = json!({ "component_appid": COMPONENT, "authorization_code": code });
    let info = world.api("api_query_auth", &token, body).await["authorization_info"].clone();
    let body = json!({
        "component_appid": COMPONENT, "authorizer_appid": MERCHANT,
        "authorizer_refresh_token": info["authorizer_refresh_token"],
    });
    let fresh = world.api("api_authorizer_token", &token, body).await["authorizer_access_token"].clone();
    let (_, state) = world.get(&format!("/_control/state?component={COMPONENT}&authorizer={MERCHANT}")).await;
    let known = &state["components"][0]["authorizers"][0];
    assert_eq!(known["access_token"]["value"], fresh);
    assert_eq!((&known["authorized"], &known["permissions"]), (&json!(true), &json!([1, 2])));
    assert_eq!(state["components"][0]["access_token"]["value"], json!(token));
}

#[tokio::test]
async fn pushes_can_be_lost_held_released_and_overtaken() {
    let world = World::new().await;
    world.order("authorizers", authorizer("authorize", &json!({ "hold": true }))).await;
    let held = world.order("authorizers", authorizer("update", &json!({ "hold": true }))).await;
    assert_eq!((&held["held"], held["deliveries"].as_array().map(Vec::len)), (&json!(true), Some(0)));
    world.order("authorizers", authorizer("update", &json!({ "push": false }))).await;
    assert!(world.receiver.all().is_empty());
    world.order("release", json!({ "order": "reversed" })).await;
    assert_eq!(names(&world), ["updateauthorized", "authorized"]);

    world.order("authorizers", authorizer("revoke", &json!({ "hold": "next" }))).await;
    world.order("push", json!({ "component": COMPONENT, "info_type": "component_verify_ticket" })).await;
    world.order("authorizers", authorizer("authorize", &json!({}))).await;
    let expected = ["component_verify_ticket", "authorized", "unauthorized"];
    assert_eq!(names(&world)[2..], expected, "a ticket releases nothing");
    let (status, problem) = world.post("/_control/release", &json!({ "push": 99 })).await;
    assert_eq!((status, &problem["code"]), (404, &json!("not_held")));
}

#[tokio::test]
async fn a_delayed_push_in_the_background_is_overtaken() {
    let world = World::new().await;
    let delay = json!({ "delay": "1500ms", "wait": false });
    let answer = world.order("authorizers", authorizer("authorize", &delay)).await;
    assert_eq!(answer["deliveries"], json!([]));
    world.order("authorizers", authorizer("revoke", &json!({}))).await;
    world.receiver.until(2).await;
    assert_eq!(names(&world), ["unauthorized", "authorized"]);
}

#[tokio::test]
async fn any_info_type_can_be_pushed_with_nested_fields() {
    let world = World::new().await;
    let fields = json!({ "appid": MERCHANT, "status": 0, "info.name": "示例 & 企业", "info.code_type": 1 });
    let order =
        json!({ "component": COMPONENT, "info_type": "notify_third_fasteregister", "fields": fields });
    world.order("push", order).await;
    let document = world.receiver.last().document();
    assert!(document.contains("<InfoType><![CDATA[notify_third_fasteregister]]></InfoType>"));
    assert!(
        document.contains("<info>\n<code_type>1</code_type>\n<name><![CDATA[示例 & 企业]]></name>\n</info>")
    );
}

#[tokio::test]
async fn a_push_order_without_fields_really_happens_and_one_with_fields_does_not() {
    let world = World::new().await;
    let authorized = async |world: &World| {
        let (_, state) = world.get("/_control/state").await;
        state["components"][0]["authorizers"].as_array().expect("a list").len()
    };
    let mut order = json!({ "component": COMPONENT, "authorizer": MERCHANT, "info_type": "authorized" });
    order["fields"] = json!({ "AuthorizationCode": "queryauthcode@@@x" });
    world.order("push", order.clone()).await;
    let push = world.receiver.last();
    assert_eq!(
        (push.field("AuthorizerAppid"), push.field("AuthorizationCode")),
        (MERCHANT.to_owned(), "queryauthcode@@@x".to_owned())
    );
    assert_eq!(authorized(&world).await, 0);
    order["fields"] = json!({});
    world.order("push", order.clone()).await;
    assert_eq!(authorized(&world).await, 1);
    order["info_type"] = json!("unauthorized");
    order["create_time"] = json!(1_767_225_600);
    world.order("push", order.clone()).await;
    world.order("push", order).await;
    assert_eq!(
        world.receiver.last().field("CreateTime"),
        "1767225600",
        "also when there is nothing to revoke"
    );
    let fields = json!({ "CreateTime": 1_767_225_700 });
    let order = json!({
        "component": COMPONENT, "authorizer": MERCHANT, "info_type": "updateauthorized", "fields": fields,
    });
    world.order("push", order).await;
    let (_, state) = world.get("/_control/state").await;
    let known = &state["components"][0]["authorizers"][0];
    assert_eq!((&known["authorized"], &known["auth_time"]), (&json!(true), &fields["CreateTime"]));
}

#[tokio::test]
async fn a_message_goes_to_the_accounts_url_with_its_original_id() {
    let world = World::new().await;
    let order = json!({
        "component": COMPONENT, "authorizer": MERCHANT, "msg_type": "text", "fields": { "Content": "你好]]>" },
    });
    let (status, _) = world.post("/_control/push", &order).await;
    assert_eq!(status, 404, "the account is not there yet");
    world.order("authorizers", authorizer("create", &json!({}))).await;
    world.order("push", order.clone()).await;
    let push = world.receiver.last();
    assert_eq!(push.path, format!("/messages/{MERCHANT}"));
    let user_name = push.field("ToUserName");
    assert!(user_name.starts_with("gh_") && push.body.contains(&user_name));
    assert_eq!(push.query["openid"], push.field("FromUserName"));
    assert!(push.field("MsgId").parse::<i64>().is_ok());
    assert!(push.document().contains("<Content><![CDATA[你好]]]]><![CDATA[>]]></Content>"));
}

#[tokio::test]
async fn messages_are_tried_three_times_and_events_as_the_switch_says() {
    let world = World::new().await;
    world.order("authorizers", authorizer("create", &json!({}))).await;
    let fields = json!({ "Content": "hello" });
    let message =
        json!({ "component": COMPONENT, "authorizer": MERCHANT, "msg_type": "text", "fields": fields });
    world.receiver.will_answer(500, "");
    world.receiver.will_answer(200, "{}");
    let answer = world.order("push", message).await;
    let ok: Vec<_> = answer["deliveries"].as_array().expect("a list").iter().map(|it| &it["ok"]).collect();
    assert_eq!(ok, [&json!(false), &json!(false), &json!(true)]);
    let event = json!({ "component": COMPONENT, "info_type": "component_verify_ticket" });
    world.receiver.will_answer(403, "");
    let answer = world.order("push", event.clone()).await;
    let delivery = &answer["deliveries"][0];
    assert_eq!((&delivery["status"], &delivery["ok"]), (&json!(403), &json!(false)));
    assert_eq!(answer["deliveries"].as_array().map(Vec::len), Some(1));
    world.order("switches", json!({ "event_retry": "three" })).await;
    world.receiver.will_answer(200, "Success");
    let answer = world.order("push", event).await;
    assert_eq!(answer["deliveries"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn nobody_at_home_is_a_delivery_without_status_and_without_signatures() {
    let world = World::with(|settings| {
        let closed = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
        settings.components[0].event_url = format!("http://{closed}/events");
    })
    .await;
    let answer =
        world.order("push", json!({ "component": COMPONENT, "info_type": "component_verify_ticket" })).await;
    let delivery = &answer["deliveries"][0];
    assert_eq!((&delivery["status"], &delivery["ok"]), (&Value::Null, &json!(false)));
    let error = delivery["error"].as_str().expect("a reason");
    assert!(!error.is_empty() && !error.contains("signature"), "{error}");
}

#[tokio::test]
async fn changed_keys_hold_for_the_test_list_first_and_then_for_all() {
    let world = World::new().await;
    let key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
    let pair = Pair::parse(&Secret::new("NewToken2026"), &Secret::new(key)).expect("a pair");
    let mut keys = json!({ "component": COMPONENT, "token": "NewToken2026", "encoding_aes_key": key });
    keys["test_list"] = json!([MERCHANT]);
    world.order("keys", keys.clone()).await;
    world.order("authorizers", authorizer("authorize", &json!({}))).await;
    assert!(world.receiver.last().open(&pair).is_ok(), "the account is on the test list");
    let other = json!({ "component": COMPONENT, "act": "authorize" });
    world.order("authorizers", other.clone()).await;
    assert!(world.receiver.last().open(&receiver::pair()).is_ok(), "others keep the old pair");
    keys.as_object_mut().expect("an object").remove("test_list");
    world.order("keys", keys).await;
    world.order("authorizers", other).await;
    assert!(world.receiver.last().open(&pair).is_ok());
}

#[tokio::test]
async fn tickets_come_by_themselves_when_wanted() {
    let world = World::with(|settings| settings.ticket_every = Some(Duration::from_millis(20))).await;
    world.receiver.until(3).await;
    assert_eq!(names(&world)[..3], ["component_verify_ticket"; 3]);
}

#[tokio::test]
async fn a_sealed_push_is_sent_by_its_owner_and_says_what_has_happened() {
    let world = World::new().await;
    let spec = crate::PushSpec::event(component(), "component_verify_ticket");
    let sealed = world.simulator.simulator.seal(&spec).expect("a known component");
    assert!(world.receiver.all().is_empty(), "nothing is sent");
    world.http.post(&sealed.url).body(sealed.body.clone()).send().await.expect("an answer");
    let push = world.receiver.last();
    let query = |name: &str| push.query[name].as_str();
    assert_eq!(query("signature"), receiver::pair().signature(query("timestamp"), query("nonce")));
    let body = json!({
        "component_appid": COMPONENT, "component_appsecret": SECRET,
        "component_verify_ticket": push.field("ComponentVerifyTicket"),
    });
    assert!(world.api("api_component_token", "", body).await["component_access_token"].is_string());
}
