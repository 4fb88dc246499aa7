//! Faults: what the caller sees, and what really happened.

use super::*;
use crate::api::FaultKind;

fn list_request(world: &mut World) -> Request {
    let token = world.component_token(COMPONENT);
    let body = json!({ "component_appid": COMPONENT, "offset": 0, "count": 1 });
    request("api_get_authorizer_list", &[("access_token", &token)], &body)
}

#[test]
fn a_fault_counts_down_and_meets_only_its_api() {
    let mut world = World::new();
    world.fault(FaultSpec::new("api_get_authorizer_list", FaultKind::Errcode).times(2).value(-1));
    let request = list_request(&mut world);
    assert_eq!([world.errcode(&request), world.errcode(&request), world.errcode(&request)], [-1, -1, 0]);
}

#[test]
fn a_fault_of_one_account_leaves_the_others_alone() {
    let mut world = World::new();
    let refresh = world.redeemed().refresh;
    let other = AuthorizerId::parse("wxb0b1c2d3e4f50617").expect("an appid");
    let spec = FaultSpec::new("/cgi-bin/component/api_authorizer_token", FaultKind::Errcode).value(-1);
    world.fault(FaultSpec { authorizer: Some(other), ..spec.clone() });
    assert_eq!(world.refresh_code(&refresh), 0);
    world.fault(FaultSpec { authorizer: Some(merchant()), ..spec });
    assert_eq!(world.refresh_code(&refresh), -1);
}

#[test]
fn a_dropped_answer_was_processed_and_a_dropped_call_was_not() {
    let mut world = World::new();
    let code = world.act(Act::Authorize).code.expect("a code");
    let token = world.component_token(COMPONENT);
    let body = json!({ "component_appid": COMPONENT, "authorization_code": code });
    let redeem = request("api_query_auth", &[("access_token", &token)], &body);
    world.fault(FaultSpec::new("api_query_auth", FaultKind::DropBefore));
    world.fault(FaultSpec::new("api_query_auth", FaultKind::DropAnswer));
    assert_eq!(world.answer(&redeem), Answer::Dropped);
    assert_eq!(world.answer(&redeem), Answer::Dropped);
    assert_eq!(world.errcode(&redeem), 61009, "the second call spent the code");
    let calls: Vec<_> =
        world.state.calls.list().0.into_iter().filter(|call| call.api == "api_query_auth").collect();
    let seen: Vec<_> = calls.iter().map(|call| (call.errcode, call.processed)).collect();
    assert_eq!(seen, [(None, false), (Some(0), true), (Some(61009), false)]);
    assert_eq!(calls[0].component.as_deref(), Some(COMPONENT));
}

#[test]
fn answers_that_are_no_json() {
    let mut world = World::new();
    let request = list_request(&mut world);
    for (kind, status) in [(FaultKind::Http5xx, 502), (FaultKind::Html, 200), (FaultKind::Truncated, 200)] {
        world.fault(FaultSpec::new("*", kind));
        let Answer::Page { status: got, body, .. } = world.answer(&request) else { panic!("{kind:?}: JSON") };
        assert_eq!(got, status, "{kind:?}");
        assert!(!body.is_empty() && serde_json::from_slice::<Value>(&body).is_err(), "{kind:?}");
    }
}

#[test]
fn dirty_answers_hold_every_id_and_token() {
    let mut world = World::new();
    let refresh = world.redeemed().refresh;
    let token = world.component_token(COMPONENT);
    let body = json!({ "component_appid": COMPONENT, "authorizer_appid": MERCHANT });
    let info = request("api_get_authorizer_info", &[("access_token", &token)], &body);
    for (kind, is_json, holds) in [
        (FaultKind::ControlCharacters, false, &b"\x01\0\n\x1f\""[..]),
        (FaultKind::CutUtf8, false, b"\xe4\xbd\""),
        (FaultKind::LoneSurrogate, false, b"\\ud83d\""),
        (FaultKind::ByteOrderMark, false, b"\xef\xbb\xbf{"),
        (FaultKind::NumbersAsText, true, b"\"account_status\":\"1\""),
        (FaultKind::TextsAsNumbers, true, b"\"nick_name\":12345"),
        (FaultKind::NullFields, true, b"\"nick_name\":null"),
        (FaultKind::Unreadable, false, b"\"\""),
    ] {
        world.fault(FaultSpec::new("api_get_authorizer_info", kind));
        let Answer::Page { status: 200, body, .. } = world.answer(&info) else { panic!("{kind:?}") };
        assert_eq!(serde_json::from_slice::<Value>(&body).is_ok(), is_json, "{kind:?}");
        for part in [holds, refresh.as_bytes(), MERCHANT.as_bytes()] {
            assert!(body.windows(part.len()).any(|window| window == part), "{kind:?}: {part:?}");
        }
        assert!(body.trim_ascii_start().starts_with(b"{") || kind == FaultKind::ByteOrderMark, "{kind:?}");
    }
    world.fault(FaultSpec::new("*", FaultKind::EmptyBody));
    let Answer::Page { status: 200, body, .. } = world.answer(&info) else { panic!("no body") };
    assert_eq!(body, b"");
    world.fault(FaultSpec::new("*", FaultKind::NullFields).value("authorization_info"));
    let Answer::Page { body, .. } = world.answer(&info) else { panic!("no body") };
    let value: Value = serde_json::from_slice(&body).expect("JSON");
    assert!(value["authorization_info"].is_null() && value["authorizer_info"].is_object());
}

#[test]
fn fields_can_be_missing() {
    let mut world = World::new();
    let request = list_request(&mut world);
    world.fault(FaultSpec::new("*", FaultKind::MissingFields).value("list"));
    let value = world.json(&request);
    assert!(value.get("list").is_none() && value.get("total_count").is_some());
    world.fault(FaultSpec::new("*", FaultKind::MissingFields));
    assert_eq!(world.json(&request), json!({}));
}

#[test]
fn a_spent_quota_lasts_until_it_is_cleared() {
    let mut world = World::new();
    let request_list = list_request(&mut world);
    world.fault(FaultSpec::new("api_get_authorizer_list", FaultKind::Quota).times(1000));
    assert_eq!([world.errcode(&request_list), world.errcode(&request_list)], [45009, 45009]);
    let body = json!({ "component_appid": COMPONENT, "appsecret": SECRET });
    assert_eq!(world.errcode(&request("clear_quota/v2", &[], &body)), 0);
    assert_eq!(world.errcode(&request_list), 0);
}

#[test]
fn success_carries_an_errcode_always_never_or_now_and_then() {
    let mut world = World::new();
    for (switch, counts) in [("always", 40..=40), ("never", 0..=0), ("sometimes", 1..=39)] {
        world.switch(&json!({ "errcode_on_success": switch }));
        let request = list_request(&mut world);
        let with = (0..40).filter(|_| world.json(&request).get("errcode").is_some()).count();
        assert!(counts.contains(&with), "{switch}: {with} of 40");
    }
}

#[test]
fn orders_that_make_no_sense_are_refused() {
    let mut world = World::new();
    let mut refused = |spec: FaultSpec| world.state.apply_fault(spec, 0).is_err();
    assert!(refused(FaultSpec::new("api_nothing", FaultKind::Html)));
    assert!(refused(FaultSpec::new("*", FaultKind::Errcode)), "without a number");
    assert!(refused(FaultSpec::new("*", FaultKind::Latency).value("soon")));
    assert!(refused(FaultSpec::new("*", FaultKind::Http5xx).value(200)));
    assert!(refused(FaultSpec::new("*", FaultKind::Html).times(0)));
    assert!(refused(FaultSpec::new("*", FaultKind::Switch).value(json!({ "xml_style": "fancy" }))));
    assert!(refused(FaultSpec { probability: Some(2.0), ..FaultSpec::new("*", FaultKind::Html) }));
    let unknown = Some(id("wx0000000000000000"));
    assert!(refused(FaultSpec { component: unknown, ..FaultSpec::new("*", FaultKind::ExpireTickets) }));
    assert!(world.state.faults.list().is_empty());
}

#[test]
fn a_page_of_the_list_may_be_empty_or_have_an_entry_that_is_none() {
    let mut world = World::new();
    world.state.crowd(&id(COMPONENT), 5, world.now).expect("a known component");
    let body = json!({ "offset": 0, "count": 500 });
    let list = |world: &mut World| world.call("api_get_authorizer_list", &body);
    let whole = list(&mut world);
    world.fault(FaultSpec::new("api_get_authorizer_list", FaultKind::EmptyPage));
    let empty = list(&mut world);
    assert_eq!((&empty["total_count"], &empty["list"]), (&json!(5), &json!([])));
    for entry in [json!(null), json!(17), json!({ "authorizer_appid": 5 })] {
        world.fault(
            FaultSpec::new("api_get_authorizer_list", FaultKind::UnreadableEntry).value(entry.clone()),
        );
        let spoiled = list(&mut world);
        assert_eq!(spoiled["list"][2], entry);
        assert_eq!(spoiled["list"][1], whole["list"][1], "the others stay");
    }
    assert_eq!(list(&mut world)["list"], whole["list"]);
}
