//! Pushes that are unusual and genuine.

use super::*;

fn order(dirt: &Value) -> Value {
    json!({
        "component": COMPONENT, "info_type": "authorized", "authorizer": MERCHANT, "create_time": 1_900_000_000,
        "dirt": dirt,
    })
}

#[tokio::test]
async fn elements_are_left_out_and_changed_in_a_push_that_really_happens() {
    let world = World::new().await;
    let dirt =
        json!({"omit": ["CreateTime", "AuthorizationCode"], "set": {"AppId": "wx0", "Remark": "a\u{0}b"}});
    world.order("push", order(&dirt)).await;
    let document = world.receiver.last().document();
    assert!(!document.contains("CreateTime") && !document.contains("<AuthorizationCode>"), "{document}");
    assert!(document.contains("<AppId><![CDATA[wx0]]></AppId>"), "{document}");
    assert!(document.contains("<Remark><![CDATA[a\0b]]></Remark>"), "{document}");
    let (_, state) = world.get("/_control/state").await;
    assert_eq!(state["components"][0]["authorizers"][0]["authorized"], true);
}

#[tokio::test]
async fn both_documents_are_written_as_json_if_asked_for() {
    let world = World::new().await;
    world.order("push", order(&json!({"envelope": "json", "document": "json"}))).await;
    let push = world.receiver.last();
    let envelope: Value = serde_json::from_str(&push.body).expect("a JSON envelope");
    assert_eq!(envelope["AppId"], COMPONENT);
    let document: Value = serde_json::from_str(&push.document()).expect("a JSON document");
    assert_eq!(
        (&document["InfoType"], &document["CreateTime"]),
        (&json!("authorized"), &json!(1_900_000_000))
    );
}

#[tokio::test]
async fn any_text_and_any_bytes_can_be_said() {
    let world = World::new().await;
    world.order("push", order(&json!({"text": "<xml>"}))).await;
    assert_eq!(world.receiver.last().document(), "<xml>");
    world.order("push", order(&json!({"base64": "/w=="}))).await;
    let refusal = world.receiver.last().open(&receiver::pair()).expect_err("not a text");
    assert!(refusal.contains("UTF-8"), "{refusal}");
    for wrong in [
        json!({"text": "", "base64": ""}),
        json!({"base64": "!"}),
        json!({"around": "x"}),
        json!({"more": 1}),
    ] {
        assert_eq!(world.post("/_control/push", &order(&wrong)).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn white_space_around_the_ciphertext_is_signed_or_not() {
    let world = World::new().await;
    for (is_signed, opens) in [(false, true), (true, false)] {
        let dirt = json!({"around": "\n ", "around_is_signed": is_signed, "encrypt_type": "aes"});
        world.order("push", order(&dirt)).await;
        let push = world.receiver.last();
        let encrypted = crate::xml::child_text(&push.body, "Encrypt").expect("one");
        assert!(encrypted.starts_with("\n ") && encrypted.ends_with("\n "), "{encrypted:?}");
        // The signature is one of the trimmed text, or it is not.
        let trimmed = receiver::Received { body: push.body.replace("\n ", ""), ..push };
        assert_eq!(trimmed.open(&receiver::pair()).is_ok(), opens);
    }
    world.order("push", order(&json!({"encrypt_type": "AES"}))).await;
    assert_eq!(world.receiver.last().query["encrypt_type"], "AES");
}
