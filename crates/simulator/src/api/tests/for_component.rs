//! Calls under the platform's own token: which parameter holds it, and whom they name.

use super::*;

const OPTION: &str = "api_set_authorizer_option";

fn get(path: &str, query: &[(&str, &str)]) -> Request {
    Request { is_post: false, path: path.to_owned(), body: Vec::new(), ..request("", query, &json!({})) }
}

#[test]
fn a_login_names_platform_and_account_and_has_the_token_under_its_own_name() {
    let mut world = World::new();
    let account_token = world.redeemed().access;
    let token = world.component_token(COMPONENT);
    for (path, brings) in [
        ("/sns/component/jscode2session", "js_code"),
        ("/sns/oauth2/component/access_token", "code"),
        ("/sns/oauth2/component/refresh_token", "refresh_token"),
    ] {
        let good = [
            ("appid", MERCHANT),
            ("component_appid", COMPONENT),
            (brings, "x"),
            ("component_access_token", token.as_str()),
        ];
        assert!(world.json(&get(path, &good))["openid"].is_string());
        for (name, value, code) in [
            ("appid", "", 41002),
            ("appid", "wxffffffffffffffff", 61003),
            ("component_appid", "", 41018),
            ("component_appid", OTHER, 40013),
            ("component_access_token", "", 41021),
            ("component_access_token", account_token.as_str(), 61014),
            ("component_access_token", "x", 40001),
            (brings, "", 41008),
        ] {
            let query = good.map(|(known, old)| (known, if known == name { value } else { old }));
            assert_eq!(world.errcode(&get(path, &query)), code, "{path}: {name}={value}");
        }
        let other_name = good.map(|(name, value)| match name {
            "component_access_token" => ("access_token", value),
            _ => (name, value),
        });
        assert_eq!(world.errcode(&get(path, &other_name)), 41021, "{path}");
    }
}

#[test]
fn templates_and_fast_registration_want_the_platform_s_token() {
    let mut world = World::new();
    let account_token = world.redeemed().access;
    let token = world.component_token(COMPONENT);
    for path in ["/wxa/gettemplatelist", "/wxa/gettemplatedraftlist"] {
        assert_eq!(world.errcode(&get(path, &[("access_token", &token)])), 0);
        assert_eq!(world.errcode(&get(path, &[("access_token", &account_token)])), 61014);
        assert_eq!(world.errcode(&get(path, &[("component_access_token", &token)])), 41001);
    }
    let mut register = |query: &[(&str, &str)]| {
        world.errcode(&request("fastregisterweapp", query, &json!({ "name": "示例" })))
    };
    assert_eq!(register(&[("action", "create"), ("component_access_token", &token)]), 0);
    assert_eq!(register(&[("component_access_token", &token)]), 40097);
    assert_eq!(register(&[("action", "create"), ("component_access_token", &account_token)]), 61014);
}

#[test]
fn an_option_is_kept_for_the_account_that_the_body_names() {
    let mut world = World::new();
    world.redeemed();
    let fields = |name: &str, value: &str| json!({ "authorizer_appid": MERCHANT, "option_name": name, "option_value": value });
    assert_eq!(world.call_code(OPTION, &fields("location_report", "2")), 0);
    for api in ["api_get_authorizer_option", "get_authorizer_option"] {
        assert_eq!(world.call(api, &fields("location_report", ""))["option_value"], "2");
        assert_eq!(world.call(api, &fields("voice_recognize", ""))["option_value"], "0");
    }
    assert_eq!(world.call_code(OPTION, &fields("location_report", "3")), 61013);
    assert_eq!(world.call_code("set_authorizer_option", &fields("colour", "1")), 61012);
    assert_eq!(world.call_code(OPTION, &json!({ "option_name": "location_report" })), 41002);
    let other = json!({ "authorizer_appid": "wxffffffffffffffff", "option_name": "location_report", "option_value": "1" });
    assert_eq!(world.call_code(OPTION, &other), 61003);
}
