//! A strict receiver refuses every forged push, and for the reason that it was forged with.

use super::*;

#[tokio::test]
async fn every_forged_push_is_refused_by_a_strict_receiver() {
    let world = World::new().await;
    let authorize = json!({ "component": COMPONENT, "authorizer": MERCHANT, "act": "authorize" });
    world.order("authorizers", authorize).await;
    let forges = [
        ("wrong_signature", "msg_signature"),
        ("plain_signature", "msg_signature"),
        ("no_signature", "no msg_signature"),
        ("wrong_token", "msg_signature"),
        ("empty_token", "msg_signature"),
        ("other_body", "msg_signature"),
        ("wrong_key", ""),
        ("wrong_appid", "appid"),
        ("bad_padding", "padding"),
        ("cut_ciphertext", ""),
        ("wrong_encrypt_type", "encrypt_type"),
        ("unencrypted", "no msg_signature"),
        ("no_encrypt", "Encrypt"),
        ("two_encrypts", "Encrypt"),
        ("doctype", "Encrypt"),
        ("not_xml", "Encrypt"),
        ("oversized", "too large"),
    ];
    for (forge, reason) in forges {
        let order = json!({
            "component": COMPONENT, "authorizer": MERCHANT, "info_type": "unauthorized", "forge": forge,
        });
        let answer = world.order("push", order).await;
        assert_eq!(answer["deliveries"].as_array().map(Vec::len), Some(1), "{forge}");
        let refusal = world.receiver.last().open(&receiver::pair()).expect_err(forge);
        assert!(refusal.contains(reason), "{forge}: {refusal}");
    }
    let (_, state) = world.get("/_control/state").await;
    let authorized = &state["components"][0]["authorizers"][0]["authorized"];
    assert_eq!(*authorized, true, "forged pushes change nothing");
}

#[tokio::test]
async fn a_forged_ticket_is_worth_nothing() {
    let world = World::new().await;
    let order =
        json!({ "component": COMPONENT, "info_type": "component_verify_ticket", "forge": "unencrypted" });
    world.order("push", order).await;
    let body = world.receiver.last().body;
    let ticket = crate::xml::child_text(&body, "ComponentVerifyTicket").expect("in the clear");
    let body = json!({
        "component_appid": COMPONENT, "component_appsecret": SECRET, "component_verify_ticket": ticket,
    });
    assert_eq!(world.api("api_component_token", "", body).await["errcode"], 61006);
}

#[tokio::test]
async fn an_unknown_forge_is_refused_by_name() {
    let world = World::new().await;
    let order = json!({ "component": COMPONENT, "info_type": "x", "forge": "sneaky" });
    let (status, problem) = world.post("/_control/push", &order).await;
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("wrong_signature")), "{problem}");
}
