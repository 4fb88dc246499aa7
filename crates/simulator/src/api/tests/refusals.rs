//! Every refusal that does not depend on history, row by row.

use super::*;

type Spoil = fn(&mut Request);
/// Expected code, what is wrong, and how it comes about.
type Row = (i64, &'static str, Box<dyn Fn(&mut Request)>);

fn without(name: &'static str) -> impl Fn(&mut Request) {
    move |request| {
        let mut body: Value = serde_json::from_slice(&request.body).expect("JSON");
        body.as_object_mut().expect("an object").remove(name);
        request.body = body.to_string().into_bytes();
    }
}

fn with(name: &'static str, value: Value) -> impl Fn(&mut Request) {
    move |request| {
        let mut body: Value = serde_json::from_slice(&request.body).expect("JSON");
        body[name] = value.clone();
        request.body = body.to_string().into_bytes();
    }
}

#[track_caller]
fn check(world: &mut World, good: &dyn Fn() -> Request, code: i64, what: &str, spoil: &dyn Fn(&mut Request)) {
    let mut request = good();
    spoil(&mut request);
    assert_eq!(world.errcode(&request), code, "{what}");
}

#[test]
fn requests_that_are_wrong_as_such() {
    let mut world = World::new();
    let ticket = world.ticket(COMPONENT);
    let good = || token_request(COMPONENT, SECRET, &ticket);
    let rows: [(i64, &str, Spoil); 7] = [
        (0, "nothing wrong", |_| {}),
        (43002, "not POST", |request| request.is_post = false),
        (44002, "empty body", |request| request.body.clear()),
        (47001, "not JSON", |request| request.body = b"a=b".to_vec()),
        (47001, "not an object", |request| request.body = b"[]".to_vec()),
        (47002, "not UTF-8", |request| request.body = b"{\"a\":\"\xff\"}".to_vec()),
        (40066, "no such API", |request| request.path = "/cgi-bin/component/api_nothing".into()),
    ];
    for (code, what, spoil) in rows {
        check(&mut world, &good, code, what, &spoil);
    }
}

#[test]
fn component_token_requests_that_are_wrong_inside() {
    let mut world = World::new();
    let ticket = world.ticket(COMPONENT);
    let other = world.ticket(OTHER);
    let good = || token_request(COMPONENT, SECRET, &ticket);
    let rows: [Row; 12] = [
        (41018, "no component_appid", Box::new(without("component_appid"))),
        (47001, "component_appid is a number", Box::new(with("component_appid", json!(7)))),
        (40013, "component_appid is no appid", Box::new(with("component_appid", json!("x/y")))),
        (40013, "component_appid of another shape", Box::new(with("component_appid", json!("ab123456")))),
        (61011, "unknown component", Box::new(with("component_appid", json!("wx0000000000000000")))),
        (41004, "no secret", Box::new(without("component_appsecret"))),
        (41004, "empty secret", Box::new(with("component_appsecret", json!("")))),
        (40125, "wrong secret", Box::new(with("component_appsecret", json!("wrong")))),
        (41020, "no ticket", Box::new(without("component_verify_ticket"))),
        (61006, "unknown ticket", Box::new(with("component_verify_ticket", json!("ticket@@@x")))),
        (
            61006,
            "ticket cut",
            Box::new(with("component_verify_ticket", json!(ticket.trim_start_matches("ticket@@@")))),
        ),
        (61006, "another component's ticket", Box::new(with("component_verify_ticket", json!(other)))),
    ];
    for (code, what, spoil) in &rows {
        check(&mut world, &good, *code, what, spoil);
    }
    world.switch(&json!({ "wrong_secret": 40001 }));
    check(&mut world, &good, 40001, "wrong secret", &with("component_appsecret", json!("wrong")));
}

#[test]
fn component_tokens_that_are_wrong() {
    let mut world = World::new();
    let (token, foreign) = (world.component_token(COMPONENT), world.component_token(OTHER));
    let account = world.redeemed().access;
    // The redemption fetched a newer one.
    let token = {
        drop(token);
        world.component_token(COMPONENT)
    };
    for api in [
        "api_create_preauthcode",
        "api_query_auth",
        "api_authorizer_token",
        "api_get_authorizer_info",
        "api_get_authorizer_list",
        "clear_quota",
    ] {
        let body = json!({ "component_appid": COMPONENT });
        let mut code = |query: &[(&str, &str)]| world.errcode(&request(api, query, &body));
        assert_eq!(code(&[]), 41001, "{api}: no token");
        assert_eq!(code(&[("component_access_token", "")]), 41001, "{api}: empty token");
        assert_eq!(code(&[("component_access_token", "83_x")]), 40001, "{api}: unknown token");
        assert_eq!(code(&[("access_token", &account)]), 61014, "{api}: an account's token");
        assert_eq!(code(&[("component_access_token", &foreign)]), 40013, "{api}: another component's token");
        for name in ["component_access_token", "access_token"] {
            assert!(
                ![40001, 41001, 61014, 42001].contains(&code(&[(name, &token)])),
                "{api}: good token as {name}"
            );
        }
    }
}

#[test]
fn a_caller_whose_address_is_not_listed_is_told_its_address() {
    let mut world = World::new();
    world.switch(&json!({ "calling_ip": "unregistered" }));
    let value = world.json(&token_request(COMPONENT, SECRET, "ticket@@@x"));
    assert_eq!(value["errcode"], 61004);
    assert!(value["errmsg"].as_str().is_some_and(|text| text.contains("requestIP: 127.0.0.1")));
}

#[test]
fn page_bounds_of_the_list_are_checked() {
    let mut world = World::new();
    let rows = [
        (json!({ "offset": 0, "count": 500 }), 0),
        (json!({ "offset": 0, "count": 501 }), 40170),
        (json!({ "offset": 0, "count": 0 }), 40170),
        (json!({ "offset": -1, "count": 10 }), 40170),
        (json!({ "count": 10 }), 40170),
        (json!({ "offset": 0 }), 40170),
        (json!({ "offset": "0", "count": 10 }), 47001),
    ];
    for (body, code) in rows {
        assert_eq!(world.call_code("api_get_authorizer_list", &body), code, "{body}");
    }
}

#[test]
fn an_account_that_never_authorized_is_refused() {
    let mut world = World::new();
    for account in [MERCHANT, "not an appid"] {
        let body = json!({ "authorizer_appid": account, "authorizer_refresh_token": "refreshtoken@@@x" });
        assert_eq!(world.call_code("api_authorizer_token", &body), 61003);
        assert_eq!(world.call_code("api_get_authorizer_info", &body), 61003);
    }
    assert_eq!(world.call_code("api_get_authorizer_info", &json!({})), 41002);
    assert_eq!(world.call_code("api_authorizer_token", &json!({})), 41002);
}
