//! What the API says about accounts, and the pushes that announce their changes.

use super::*;
use crate::{push::Draft, state::Announcement, xml};

fn list(world: &mut World) -> Value {
    world.call("api_get_authorizer_list", &json!({ "offset": 0, "count": 100 }))
}

fn element(draft: &Draft, name: &str) -> Option<String> {
    xml::child_text(&draft.text(), name)
}

#[test]
fn a_redeemed_code_names_the_account_and_what_it_granted() {
    let mut world = World::new();
    let spec = AuthorizerSpec::new(id(COMPONENT), Some(merchant()), Act::Authorize);
    let change = AuthorizerSpec { permissions: Some(vec![1, 17]), ..spec }.change().expect("a good order");
    let code = world.state.change(change, world.now).expect("possible").code;
    let info =
        world.call("api_query_auth", &json!({ "authorization_code": code }))["authorization_info"].clone();
    assert_eq!(info["authorizer_appid"], MERCHANT);
    let ids: Vec<_> = info["func_info"].as_array().expect("a list").iter().collect();
    assert_eq!(
        ids.iter().map(|it| &it["funcscope_category"]["id"]).collect::<Vec<_>>(),
        [&json!(1), &json!(17)]
    );
}

#[test]
fn tokens_may_be_absent_and_the_list_then_knows_the_refresh_token() {
    let mut world = World::new();
    world.switch(&json!({ "tokens_in_query_auth": "absent" }));
    let code = world.act(Act::Authorize).code;
    let info =
        world.call("api_query_auth", &json!({ "authorization_code": code }))["authorization_info"].clone();
    assert!(info.get("authorizer_access_token").is_none() && info.get("authorizer_refresh_token").is_none());
    let token = list(&mut world)["list"][0]["refresh_token"].as_str().expect("a token").to_owned();
    assert_eq!(world.refresh_code(&token), 0);
}

#[test]
fn the_list_shows_who_holds_with_a_token_once_redeemed() {
    let mut world = World::new();
    let changed = world.act(Act::Authorize);
    let listed = list(&mut world);
    assert_eq!(listed["total_count"], 1);
    let entry =
        json!({ "authorizer_appid": MERCHANT, "auth_time": changed.create_time, "refresh_token": "" });
    assert_eq!(listed["list"], json!([entry]));
    let refresh = world.redeem(&changed.code.expect("a code")).refresh;
    for (switch, shown) in [("present", Some(refresh.as_str())), ("empty", Some("")), ("absent", None)] {
        world.switch(&json!({ "refresh_token_in_list": switch }));
        let listed = list(&mut world);
        assert_eq!(listed["list"][0].get("refresh_token").and_then(Value::as_str), shown, "{switch}");
    }
    world.act(Act::Revoke);
    assert_eq!(list(&mut world)["total_count"], 0);
}

#[test]
fn the_list_comes_in_pages() {
    let mut world = World::new();
    for _ in 0..7 {
        let change = AuthorizerSpec::new(id(COMPONENT), None, Act::Authorize).change().expect("a good order");
        world.state.change(change, world.now).expect("possible");
    }
    let mut seen = Vec::new();
    for offset in [0, 3, 6, 9] {
        let page = world.call("api_get_authorizer_list", &json!({ "offset": offset, "count": 3 }));
        assert_eq!(page["total_count"], 7);
        seen.extend(
            page["list"].as_array().expect("a list").iter().map(|it| it["authorizer_appid"].to_string()),
        );
    }
    seen.dedup();
    assert_eq!(seen.len(), 7);
}

/// The appids of the pages at these offsets, each as long as the simulator makes it.
fn pages(world: &mut World, offsets: &[usize]) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    for offset in offsets {
        let page = world.call("api_get_authorizer_list", &json!({ "offset": offset, "count": 500 }));
        let entries = page["list"].as_array().expect("a list").iter();
        pages.push(entries.map(|entry| entry["authorizer_appid"].to_string()).collect());
    }
    pages
}

#[test]
fn a_crowd_is_listed_once_each_and_has_tokens() {
    let mut world = World::new();
    world.state.crowd(&id(COMPONENT), 1_200, world.now).expect("a known component");
    world.act(Act::Authorize);
    let seen = pages(&mut world, &[0, 500, 1_000, 1_201]);
    assert_eq!(seen.iter().map(Vec::len).collect::<Vec<_>>(), [500, 500, 201, 0]);
    assert!(seen.concat().is_sorted_by(|one, next| one < next));
    let list = world.call("api_get_authorizer_list", &json!({ "offset": 0, "count": 500 }));
    let with_token = |entry: &&Value| entry["refresh_token"].as_str().is_some_and(|token| token.len() > 20);
    assert!(list["list"].as_array().expect("a list").iter().filter(with_token).count() >= 499);
    assert_eq!(world.state.component(&id(OTHER)).expect("known").listed.len(), 0);
}

#[test]
fn who_revokes_leaves_the_list_and_who_comes_back_is_in_it_once() {
    let mut world = World::new();
    world.state.crowd(&id(COMPONENT), 4, world.now).expect("a known component");
    for (act, length) in [(Act::Authorize, 5), (Act::Update, 5), (Act::Revoke, 4), (Act::Authorize, 5)] {
        world.act(act);
        assert_eq!(pages(&mut world, &[0])[0].len(), length, "{act:?}");
    }
}

#[test]
fn pages_may_be_short_and_the_total_wrong() {
    let mut world = World::new();
    world.state.crowd(&id(COMPONENT), 250, world.now).expect("a known component");
    world.switch(&json!({ "list_pages": "short" }));
    assert_eq!(pages(&mut world, &[0, 100, 200]).iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
    for (switch, total) in [("right", 250), ("too_small", 125), ("too_large", 600), ("zero", 0)] {
        world.switch(&json!({ "list_total": switch }));
        let page = world.call("api_get_authorizer_list", &json!({ "offset": 0, "count": 500 }));
        assert_eq!(page["total_count"], total);
    }
}

#[test]
fn a_shifting_list_moves_by_three_places_with_each_page() {
    let mut world = World::new();
    world.state.crowd(&id(COMPONENT), 700, world.now).expect("a known component");
    let stable = pages(&mut world, &[0, 500]).concat();
    world.switch(&json!({ "list_order": "shifting" }));
    let moved = pages(&mut world, &[0, 490]);
    assert_eq!(moved[0][0], stable[6], "two pages were read before");
    assert_eq!(moved[1][0], stable[490 + 9]);
    assert_eq!(moved[1].last(), stable.get(8), "the head is at the end");
}

#[test]
fn the_profile_tells_official_accounts_from_mini_programs() {
    use crate::state::AccountKind;
    for (kind, mini_program) in [(AccountKind::OfficialAccount, false), (AccountKind::MiniProgram, true)] {
        let mut world = World::new();
        let spec = AuthorizerSpec::new(id(COMPONENT), Some(merchant()), Act::Authorize);
        let name = Some("茶☕]]>".to_owned());
        let change =
            AuthorizerSpec { kind: Some(kind), nick_name: name, ..spec }.change().expect("a good order");
        let code = world.state.change(change, world.now).expect("possible").code.expect("a code");
        let refresh = world.redeem(&code).refresh;
        let body = json!({ "authorizer_appid": MERCHANT });
        let value = world.call("api_get_authorizer_info", &body);
        assert_eq!(value["authorizer_info"].get("MiniProgramInfo").is_some(), mini_program);
        assert_eq!(value["authorizer_info"]["nick_name"], "茶☕]]>");
        assert_eq!(value["authorization_info"]["authorizer_refresh_token"], json!(refresh));
        world.switch(&json!({ "refresh_token_in_info": "absent" }));
        let value = world.call("api_get_authorizer_info", &body);
        assert!(value["authorization_info"].get("authorizer_refresh_token").is_none());
    }
}

#[test]
fn one_merchant_may_authorize_several_components() {
    let mut world = World::new();
    let refresh = world.redeemed().refresh;
    world.act_for(OTHER, Act::Authorize);
    world.act_for(OTHER, Act::Revoke);
    assert_eq!(world.refresh_code(&refresh), 0, "the other one's revocation is none of ours");
}

#[test]
fn times_of_changes_increase_even_within_a_second() {
    let mut world = World::new();
    let times: Vec<_> = [Act::Authorize, Act::Update, Act::Revoke, Act::Authorize]
        .map(|act| world.act(act).create_time.expect("a time"))
        .to_vec();
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    world.now += 100;
    assert_eq!(world.act(Act::Update).create_time, Some(world.now));
}

#[test]
fn a_grant_is_announced_with_its_code() {
    let mut world = World::new();
    let changed = world.act(Act::Authorize);
    let draft = changed.draft.expect("a push");
    assert_eq!(element(&draft, "InfoType").as_deref(), Some("authorized"));
    assert_eq!(element(&draft, "AuthorizationCode"), changed.code);
    assert_eq!(element(&draft, "AuthorizationCodeExpiredTime"), Some((world.now + 3600).to_string()));
    assert!(element(&draft, "PreAuthCode").is_some());
    world.switch(&json!({ "pre_auth_code_in_event": "absent" }));
    let draft = world.act(Act::Update).draft.expect("a push");
    assert_eq!(element(&draft, "InfoType").as_deref(), Some("updateauthorized"));
    assert_eq!(element(&draft, "PreAuthCode"), None);
}

#[test]
fn a_revocation_is_announced_as_the_switch_says() {
    for (switch, delivery) in [
        ("in_order", Announcement::Now),
        ("late", Announcement::AfterNext),
        ("lost", Announcement::Never),
        ("same_second", Announcement::Now),
    ] {
        let mut world = World::new();
        world.switch(&json!({ "unauthorized_delivery": switch }));
        let granted = world.act(Act::Authorize).create_time.expect("a time");
        let revoked = world.act(Act::Revoke);
        assert_eq!(revoked.delivery, delivery, "{switch}");
        assert_eq!(revoked.create_time == Some(granted), switch == "same_second", "{switch}");
    }
}

#[test]
fn a_quota_can_be_cleared_ten_times_a_month() {
    let mut world = World::new();
    let body = json!({ "component_appid": COMPONENT, "appsecret": SECRET });
    for _ in 0..10 {
        assert_eq!(world.errcode(&request("clear_quota/v2", &[], &body)), 0);
    }
    assert_eq!(world.errcode(&request("clear_quota/v2", &[], &body)), 48006);
    assert_eq!(world.call_code("clear_quota", &json!({})), 48006, "all kinds count together");
    world.now += 32 * 86_400;
    assert_eq!(world.errcode(&request("clear_quota/v2", &[], &body)), 0);
}
