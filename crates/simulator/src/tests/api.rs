//! The API over HTTP: what only the wire can show.

use super::*;

fn code_body(code: &Value) -> Value {
    json!({ "component_appid": COMPONENT, "authorization_code": code })
}

#[tokio::test]
async fn a_dropped_answer_is_a_transport_error_after_the_fact() {
    let world = World::new().await;
    let token = world.component_token().await;
    let order = json!({ "component": COMPONENT, "authorizer": MERCHANT, "act": "authorize" });
    let code = world.order("authorizers", order).await["code"].clone();
    let path = format!("/cgi-bin/component/api_query_auth?access_token={token}");
    for kind in ["drop_before", "drop_answer"] {
        world.order("faults", json!({ "api": "api_query_auth", "kind": kind, "times": 1 })).await;
        let error = world.try_post(&path, &code_body(&code)).await.expect_err("no HTTP answer");
        assert!(error.is_request() && error.status().is_none(), "{kind}: {error:?}");
    }
    let (status, value) = world.post(&path, &code_body(&code)).await;
    assert_eq!((status, &value["errcode"]), (200, &json!(61009)), "the code was spent by the dropped answer");
    let (_, calls) = world.get("/_control/calls").await;
    let seen: Vec<_> = calls["data"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|call| call["api"] == "api_query_auth")
        .map(|call| call["errcode"].clone())
        .collect();
    assert_eq!(seen, [Value::Null, json!(0), json!(61009)]);
}

#[tokio::test]
async fn a_late_answer_was_processed_long_before() {
    let world = World::new().await;
    let token = world.component_token().await;
    world.order("faults", json!({ "api": "*", "kind": "latency", "times": 1, "value": "10m" })).await;
    let url =
        format!("{}/cgi-bin/component/api_create_preauthcode?access_token={token}", world.simulator.url());
    let call =
        tokio::spawn(world.http.post(url).body(json!({ "component_appid": COMPONENT }).to_string()).send());
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    let last = || world.simulator.simulator.calls().0.pop().expect("the token was fetched");
    while last().api != "api_create_preauthcode" {
        assert!(tokio::time::Instant::now() < until, "it was never processed");
        tokio::task::yield_now().await;
    }
    assert_eq!((last().errcode, last().processed), (Some(0), true));
    assert!(!call.is_finished(), "the answer is not late");
    call.abort();
}

#[tokio::test]
async fn a_ticket_comes_when_it_is_asked_for() {
    let world = World::new().await;
    let body = json!({ "component_appid": COMPONENT, "component_secret": SECRET });
    assert_eq!(world.api("api_start_push_ticket", "", body).await["errcode"], 0);
    world.receiver.until(1).await;
    assert!(world.receiver.last().field("ComponentVerifyTicket").starts_with("ticket@@@"));
}

#[tokio::test]
async fn the_clock_expires_tokens() {
    let world = World::new().await;
    let token = world.component_token().await;
    let body = json!({ "component_appid": COMPONENT });
    assert!(world.api("api_create_preauthcode", &token, body.clone()).await["pre_auth_code"].is_string());
    world.order("clock", json!({ "advance": "2h" })).await;
    assert_eq!(world.api("api_create_preauthcode", &token, body).await["errcode"], 42001);
}

#[tokio::test]
async fn get_is_refused_in_wechats_way() {
    let world = World::new().await;
    let (status, value) = world.get("/cgi-bin/component/api_component_token").await;
    assert_eq!((status, &value["errcode"]), (200, &json!(43002)));
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_not_read() {
    let world = World::new().await;
    let (status, _) = world.post("/cgi-bin/component/api_component_token", &json!("x".repeat(2 << 20))).await;
    assert_eq!(status, 413);
}
