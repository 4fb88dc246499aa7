//! Links that ask for an authorization.

use actix_web::{http::Method, test::TestRequest};
use mandate_schema::{Reach, Scope};

use serde_json::{Value, json};

use crate::{
    keys::{key, only, with},
    pushes::{COMPONENT, MERCHANT},
    world::{World, assert_time, keys, local, remote},
};

const LINKS: &str = "/api/v1/authorization-links";

fn order(request: TestRequest, body: &Value) -> TestRequest {
    request.method(Method::POST).set_json(body)
}

#[actix_web::test]
async fn a_link_is_a_short_address_with_its_qr_code_and_keeps_what_was_ordered() {
    let world = World::new();
    let body = json!({
        "component": COMPONENT, "auth_type": 1, "biz_appid": MERCHANT, "category_ids": [1, 15],
        "return_url": "https://shop.example.com/done", "tag": "spring", "expires_in": 3600,
    });
    let link = world.ask(order(local(LINKS), &body)).await.json();
    assert_eq!(keys(&link), ["expires_at", "qr_svg", "url"]);
    assert_time(&link["expires_at"]);
    let url = link["url"].as_str().expect("an address");
    let id = url.strip_prefix("https://auth.example.com/authorize/").expect("a page of ours");
    assert!(id.len() == 10 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    let svg = link["qr_svg"].as_str().expect("a document");
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"), "{svg}");
    let terms = world.worker.storage.link(id).await.expect("the store is there").expect("it is kept").terms;
    assert_eq!((terms.auth_type, terms.category_ids), (1, vec![1, 15]));
    assert_eq!(terms.biz_appid.expect("an account").as_str(), MERCHANT);
    assert_eq!(terms.return_url.as_deref(), Some("https://shop.example.com/done"));
    assert_eq!(terms.tag.as_deref(), Some("spring"));
    let bare = world.ask(order(local(LINKS), &json!({ "component": COMPONENT }))).await.json();
    assert_ne!(bare["url"], link["url"]);
}

#[actix_web::test]
async fn an_order_that_cannot_be_carried_out_says_why() {
    let world = World::new();
    for (field, value, named) in [
        ("auth_type", json!(7), "auth_type"),
        ("auth_type", json!(300), "auth_type"),
        ("biz_appid", json!("no appid!"), "appid"),
        ("category_ids", json!(vec![1; 101]), "category_ids"),
        ("return_url", json!("https://evil.example/"), "return_hosts"),
        ("return_url", json!("javascript:alert(1)"), "return_url"),
        ("tag", json!(""), "tag"),
        ("expires_in", json!(1), "expires_in"),
        ("expires_in", json!(u64::MAX), "expires_in"),
        ("colour", json!("red"), "colour"),
    ] {
        let body = json!({ "component": COMPONENT, field: value });
        let detail = world.ask(order(local(LINKS), &body)).await.problem(400, "invalid_body");
        assert!(detail.contains(named) || field == "auth_type" && value == 300, "{field}={value}: {detail}");
    }
    let other = json!({ "component": "wx0000000000000000" });
    world.ask(order(local(LINKS), &other)).await.problem(404, "not_found");
    world.ask(order(local(LINKS), &json!({}))).await.problem(400, "invalid_body");
    world.post(LINKS).await.problem(415, "unsupported_media_type");
    let large = json!({ "component": COMPONENT, "tag": "x".repeat(20_000) });
    world.ask(order(local(LINKS), &large)).await.problem(413, "body_too_large");
    assert_eq!(world.get(LINKS).await.allow, "POST");
}

#[actix_web::test]
async fn a_key_makes_links_within_its_reach() {
    let world = World::new();
    let reader = key(&world, 1, &[Scope::StateRead], Reach::default()).await;
    let maker = key(&world, 2, &[Scope::LinkCreate], only(MERCHANT)).await;
    let world = world.restarted();
    let ask = async |key, body: Value| world.ask(with(order(remote(LINKS), &body), key)).await;
    ask(&reader, json!({ "component": COMPONENT })).await.problem(403, "insufficient_scope");
    ask(&maker, json!({ "component": COMPONENT })).await.problem(403, "out_of_reach");
    let other = json!({ "component": COMPONENT, "biz_appid": "wxb000000000000002" });
    ask(&maker, other).await.problem(403, "out_of_reach");
    ask(&maker, json!({ "component": COMPONENT, "biz_appid": MERCHANT })).await.json();
}
