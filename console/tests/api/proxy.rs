//! Calls that the proxy does not make, and what it says then.

use actix_web::{http::Method, test::TestRequest};

use crate::{
    pushes::{COMPONENT, MERCHANT},
    world::{World, local},
};

fn through(path: &str) -> TestRequest {
    local(&format!("/api/v1/proxy/{COMPONENT}/{MERCHANT}{path}"))
}

#[actix_web::test]
async fn a_call_that_names_its_authorizer_in_the_query_is_a_get_without_a_body() {
    let world = World::new();
    let other = r#"{"appid":"wxffffffffffffffff"}"#;
    let large = "x".repeat((1 << 20) + 1);
    for path in [
        "/sns/component/jscode2session?js_code=x",
        "/sns/oauth2/component/access_token?code=x",
        "/sns/oauth2/component/refresh_token",
    ] {
        for (method, body) in [
            (Method::GET, other),
            (Method::GET, " "),
            (Method::GET, large.as_str()),
            (Method::POST, other),
            (Method::POST, ""),
            (Method::POST, large.as_str()),
        ] {
            let request = through(path).method(method.clone()).set_payload(body.to_owned());
            let detail = world.ask(request).await.problem(400, "proxy_refused");
            assert!(detail.contains("GET") && detail.contains("no body"), "{method} {path}: {detail}");
        }
        // It is made: only the secret for its token is missing here.
        world.ask(through(path)).await.problem(503, "upstream_unavailable");
    }
}

#[actix_web::test]
async fn a_query_or_body_that_names_another_authorizer_is_refused_in_our_own_words() {
    let world = World::new();
    for path in [
        "/wxa/gettemplatelist?authorizer_appid=wxffffffffffffffff",
        "/cgi-bin/component/fastregisterweapp?action=create&appid=wxffffffffffffffff",
        "/cgi-bin/component/api_set_authorizer_option?appid=wxffffffffffffffff",
    ] {
        let detail = world.ask(through(path).set_payload("{}")).await.problem(400, "proxy_refused");
        assert!(detail.contains("appid is another one than in the address"), "{path}: {detail}");
    }
    let body = r#"{"authorizer_appid":"wxffffffffffffffff"}"#;
    let request = through("/cgi-bin/component/set_authorizer_option").set_payload(body);
    let detail = world.ask(request).await.problem(400, "proxy_refused");
    assert!(detail.starts_with("authorizer_appid is another one"), "{detail}");
    for path in ["/cgi-bin/openapi/quota/clear", "/cgi-bin/clear_quota"] {
        let detail = world.ask(through(path)).await.problem(400, "component_only");
        assert!(detail.contains("authorizers at /api/v1/authorizers"), "{detail}");
    }
}
