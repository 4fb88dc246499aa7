//! Tickets and codes: how long they live and how often they work.

use super::*;
use crate::api::Effect;

#[test]
fn a_ticket_lives_twelve_hours() {
    let mut world = World::new();
    let ticket = world.ticket(COMPONENT);
    world.now += 12 * 3600 - 1;
    assert_eq!(world.errcode(&token_request(COMPONENT, SECRET, &ticket)), 0);
    world.now += 1;
    assert_eq!(world.errcode(&token_request(COMPONENT, SECRET, &ticket)), 61005);
}

#[test]
fn tickets_repeat_for_an_hour_or_never() {
    let mut world = World::new();
    let first = world.ticket(COMPONENT);
    world.now += 600;
    assert_eq!(world.ticket(COMPONENT), first);
    world.now += 3000;
    let second = world.ticket(COMPONENT);
    assert_ne!(second, first);
    world.switch(&json!({ "ticket_value": "new" }));
    assert_ne!(world.ticket(COMPONENT), second);
    assert_eq!(world.errcode(&token_request(COMPONENT, SECRET, &first)), 0, "the previous one still works");
}

#[test]
fn asking_for_tickets_pushes_one_and_checks_the_secret() {
    let mut world = World::new();
    let body = json!({ "component_appid": COMPONENT, "component_secret": SECRET });
    let reply = world.reply(&request("api_start_push_ticket", &[], &body));
    assert_eq!(reply.answer, Answer::Json(json!({ "errcode": 0, "errmsg": "ok" })));
    assert_eq!(reply.effect, Some(Effect::PushTicket(id(COMPONENT))));
    for (body, code) in [
        (json!({ "component_appid": COMPONENT, "component_secret": "wrong" }), 40125),
        (json!({ "component_appid": COMPONENT, "component_appsecret": SECRET }), 41004),
    ] {
        assert_eq!(world.errcode(&request("api_start_push_ticket", &[], &body)), code);
    }
}

#[test]
fn a_code_works_once() {
    let mut world = World::new();
    let code = world.act(Act::Authorize).code.expect("a code");
    world.redeem(&code);
    let again = json!({ "authorization_code": code });
    assert_eq!(world.call_code("api_query_auth", &again), 61009);
    world.switch(&json!({ "second_redeem": "61010" }));
    assert_eq!(world.call_code("api_query_auth", &again), 61010);
}

#[test]
fn codes_that_are_no_codes_of_the_component_are_invalid() {
    let mut world = World::new();
    let foreign = world.act_for(OTHER, Act::Authorize).code.expect("a code");
    let pre_auth_code = world.call("api_create_preauthcode", &json!({}))["pre_auth_code"].clone();
    world.act(Act::Authorize);
    for (code, expected) in [
        (json!("queryauthcode@@@x"), 61009),
        (json!(foreign), 61009),
        (pre_auth_code, 61009),
        (json!(""), 41008),
        (Value::Null, 41008),
    ] {
        let body = json!({ "authorization_code": code });
        assert_eq!(world.call_code("api_query_auth", &body), expected, "{body}");
    }
}

#[test]
fn codes_expire_as_long_as_the_switch_says() {
    for (lifetimes, life) in [("long", 3600), ("short", 600)] {
        let mut world = World::new();
        world.switch(&json!({ "code_lifetimes": lifetimes }));
        let (early, late) = (world.act(Act::Authorize).code, world.act(Act::Update).code);
        world.now += life - 1;
        assert_eq!(world.call_code("api_query_auth", &json!({ "authorization_code": early })), 0);
        world.now += 1;
        assert_eq!(world.call_code("api_query_auth", &json!({ "authorization_code": late })), 61010);
    }
}

#[test]
fn a_code_dies_with_its_authorization() {
    let mut world = World::new();
    let code = json!({ "authorization_code": world.act(Act::Authorize).code });
    world.act(Act::Revoke);
    assert_eq!(world.call_code("api_query_auth", &code), 61003);
    world.act(Act::Authorize);
    assert_eq!(world.call_code("api_query_auth", &code), 61009, "a later authorization does not revive it");
}

#[test]
fn a_pre_auth_code_is_used_up_by_an_authorization() {
    let mut world = World::new();
    let answer = world.call("api_create_preauthcode", &json!({}));
    assert_eq!(answer["expires_in"], 1800);
    let code = answer["pre_auth_code"].as_str().expect("a code").to_owned();
    let order = || {
        let spec = AuthorizerSpec::new(id(COMPONENT), Some(merchant()), Act::Authorize);
        AuthorizerSpec { pre_auth_code: Some(code.clone()), ..spec }.change().expect("a good order")
    };
    let changed = world.state.change(order(), world.now).expect("a fresh code");
    assert!(changed.draft.expect("a push").text().contains(&code));
    assert!(world.state.change(order(), world.now).is_err(), "used twice");
}

#[test]
fn long_values_are_long_and_work() {
    let mut world = World::new();
    world.switch(&json!({ "value_length": "long" }));
    let tokens = world.redeemed();
    assert!(tokens.access.len() > 512 && tokens.refresh.len() > 512);
    assert_eq!(world.refresh(&tokens.refresh).refresh, tokens.refresh);
}
