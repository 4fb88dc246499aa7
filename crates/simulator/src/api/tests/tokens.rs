//! Access and refresh tokens over time.

use super::*;

/// What a component token gets.
fn status(world: &mut World, token: &str) -> i64 {
    let body = json!({ "component_appid": COMPONENT, "offset": 0, "count": 1 });
    world.errcode(&request("api_get_authorizer_list", &[("component_access_token", token)], &body))
}

#[test]
fn a_component_token_lives_two_hours() {
    let mut world = World::new();
    let token = world.component_token(COMPONENT);
    world.now += 7199;
    assert_eq!(status(&mut world, &token), 0);
    world.now += 1;
    assert_eq!(status(&mut world, &token), 42001);
}

#[test]
fn a_replaced_component_token_lives_on_as_the_switch_says() {
    for (overlap, at_once, after_299, after_300) in
        [("five_minutes", 0, 0, 40001), ("none", 40001, 40001, 40001), ("full", 0, 0, 0)]
    {
        let mut world = World::new();
        world.switch(&json!({ "access_token_overlap": overlap }));
        let old = world.component_token(COMPONENT);
        let new = world.component_token(COMPONENT);
        assert_eq!(status(&mut world, &old), at_once, "{overlap}");
        world.now += 299;
        assert_eq!(status(&mut world, &old), after_299, "{overlap}");
        world.now += 1;
        assert_eq!(status(&mut world, &old), after_300, "{overlap}");
        assert_eq!(status(&mut world, &new), 0, "{overlap}");
    }
}

#[test]
fn a_refresh_keeps_or_rotates_the_refresh_token() {
    for (rotation, same, at_once, after_300) in
        [("same", true, 0, 0), ("overlap", false, 0, 61023), ("at_once", false, 61023, 61023)]
    {
        let mut world = World::new();
        world.switch(&json!({ "refresh_token_on_refresh": rotation }));
        let old = world.redeemed().refresh;
        let new = world.refresh(&old).refresh;
        assert_eq!(new == old, same, "{rotation}");
        world.switch(&json!({ "refresh_token_on_refresh": "same" }));
        assert_eq!(world.refresh_code(&old), at_once, "{rotation}");
        world.now += 300;
        assert_eq!(world.refresh_code(&old), after_300, "{rotation}");
        assert_eq!(world.refresh_code(&new), 0, "{rotation}");
    }
}

#[test]
fn a_wrong_or_missing_refresh_token_is_invalid() {
    let mut world = World::new();
    world.redeemed();
    for token in [Value::Null, json!(""), json!("refreshtoken@@@x")] {
        let body = json!({ "authorizer_appid": MERCHANT, "authorizer_refresh_token": token });
        assert_eq!(world.call_code("api_authorizer_token", &body), 61023, "{body}");
    }
}

#[test]
fn revoking_ends_everything_and_coming_back_starts_anew() {
    let mut world = World::new();
    let old = world.redeemed();
    world.act(Act::Revoke);
    assert_eq!(world.refresh_code(&old.refresh), 61003);
    assert_eq!(world.call_code("api_get_authorizer_info", &json!({ "authorizer_appid": MERCHANT })), 61003);
    let new = world.redeemed();
    assert_ne!(new.refresh, old.refresh);
    assert_eq!(world.refresh_code(&old.refresh), 61023);
    assert_eq!(world.refresh_code(&new.refresh), 0);
}

#[test]
fn an_update_keeps_or_renews_the_refresh_token() {
    for (switch, same) in [("same", true), ("new", false)] {
        let mut world = World::new();
        world.switch(&json!({ "refresh_token_on_update": switch }));
        let first = world.redeemed().refresh;
        let code = world.act(Act::Update).code.expect("a code");
        assert_eq!(world.refresh_code(&first), 0, "good until the new code is redeemed");
        let second = world.redeem(&code).refresh;
        assert_eq!(second == first, same, "{switch}");
        assert_eq!(world.refresh_code(&first), if same { 0 } else { 61023 }, "{switch}");
    }
}

#[test]
fn tokens_can_be_made_bad_from_outside() {
    use crate::api::FaultKind;
    let mut world = World::new();
    let token = world.component_token(COMPONENT);
    let refresh = world.redeemed().refresh;
    world.fault(FaultSpec::new("*", FaultKind::InvalidateTokens));
    assert_eq!(status(&mut world, &token), 40001);
    world.fault(FaultSpec::new("*", FaultKind::RotateRefreshTokens));
    assert_eq!(world.refresh_code(&refresh), 61023);
    let ticket = world.ticket(COMPONENT);
    world.fault(FaultSpec::new("*", FaultKind::ExpireTickets));
    assert_eq!(world.errcode(&token_request(COMPONENT, SECRET, &ticket)), 61005);
    let next = world.ticket(COMPONENT);
    assert_eq!(world.errcode(&token_request(COMPONENT, SECRET, &next)), 0);
}
