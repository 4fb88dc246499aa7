//! What the proxy calls, and what it refuses to call.

use super::*;

fn decide(path: &str, query: &str) -> Result<Target, ProxyRefusal> {
    let prefixes = ["/cgi-bin/", "/wxa/", "/sns/component/", "/sns/oauth2/component/"].map(str::to_owned);
    target(&component(), &authorizer(), path, query, &prefixes)
}

fn component() -> ComponentId {
    "wx1f2e3d4c5b6a7988".parse().unwrap()
}

fn authorizer() -> AuthorizerId {
    "wxa0b1c2d3e4f50617".parse().unwrap()
}

fn address(path: &str, query: &str) -> String {
    decide(path, query).unwrap().address(&Secret::new("84_a-b&c=d")).expose().to_owned()
}

#[test]
fn the_authorizer_s_token_goes_behind_the_query_as_it_came() {
    let expected = "/cgi-bin/message/custom/send?access_token=84%5Fa%2Db%26c%3Dd";
    assert_eq!(address("/cgi-bin/message/custom/send", ""), expected);
    assert_eq!(
        address("/wxa/x%20y", "b=2&a=%e4%bd%a0&&b=+1"),
        "/wxa/x%20y?b=2&a=%e4%bd%a0&&b=+1&access_token=84%5Fa%2Db%26c%3Dd"
    );
}

#[test]
fn logins_and_web_oauth_get_the_component_s_token_and_both_appids() {
    for path in [
        "/sns/component/jscode2session",
        "/sns/oauth2/component/access_token",
        "/sns/oauth2/component/refresh_token",
    ] {
        assert_eq!(
            address(path, "js_code=x&grant_type=authorization_code"),
            format!(
                "{path}?js_code=x&grant_type=authorization_code&appid=wxa0b1c2d3e4f50617\
                 &component_appid=wx1f2e3d4c5b6a7988&component_access_token=84%5Fa%2Db%26c%3Dd"
            )
        );
        let there = "appid=wxa0b1c2d3e4f50617&component_appid=wx1f2e3d4c5b6a7988&code=x";
        assert!(address(path, there).starts_with(&format!("{path}?{there}&component_access_token=")));
        let misspelt = address(path, "AppId=wxa0b1c2d3e4f50617");
        assert!(misspelt.contains("&appid=wxa0b1c2d3e4f50617&"), "{misspelt}");
        for other in [
            "appid=wxffffffffffffffff",
            "%61ppid=wxffffffffffffffff",
            "appid=wxa0b1c2d3e4f50617&APPID=wxffffffffffffffff",
            "appid",
            "component_appid=wxffffffffffffffff",
        ] {
            let refusal = decide(path, other).unwrap_err();
            assert!(matches!(refusal, ProxyRefusal::OtherSubject(_)), "{other}");
        }
    }
}

#[test]
fn calls_about_the_component_get_its_token_where_they_want_it() {
    let expected = "/wxa/gettemplatelist?template_type=0&access_token=84%5Fa%2Db%26c%3Dd";
    assert_eq!(address("/wxa/gettemplatelist", "template_type=0"), expected);
    let path = "/cgi-bin/component/fastregisterweapp";
    let expected = format!("{path}?action=create&component_access_token=84%5Fa%2Db%26c%3Dd");
    assert_eq!(address(path, "action=create"), expected);
    for (path, parameter) in [
        ("/cgi-bin/component/api_get_authorizer_option", "component_access_token"),
        ("/cgi-bin/component/set_authorizer_option", "access_token"),
    ] {
        assert_eq!(address(path, ""), format!("{path}?{parameter}=84%5Fa%2Db%26c%3Dd"));
    }
}

#[test]
fn a_body_that_names_the_authorizer_names_the_one_of_the_address() {
    let named = |body: &str| body_naming(&component(), &authorizer(), body.as_bytes());
    let expected = r#"{"authorizer_appid":"wxa0b1c2d3e4f50617","component_appid":"wx1f2e3d4c5b6a7988","option_name":"x"}"#;
    for body in [
        r#"{"option_name":"x"}"#,
        r#"{"option_name":"x","authorizer_appid":"wxa0b1c2d3e4f50617"}"#,
        r#"{"component_appid":"wx1f2e3d4c5b6a7988","authorizer_appid":"wxa0b1c2d3e4f50617","option_name":"x"}"#,
    ] {
        assert_eq!(named(body).as_deref(), Ok(expected.as_bytes()), "{body}");
    }
    for (body, name) in [
        (r#"{"authorizer_appid":"wxffffffffffffffff"}"#, "authorizer_appid"),
        (
            r#"{"authorizer_appid":"wxa0b1c2d3e4f50617","authorizer_appid":"wxffffffffffffffff"}"#,
            "authorizer_appid",
        ),
        (r#"{"authorizer_appid":null}"#, "authorizer_appid"),
        (r#"{"component_appid":"wxffffffffffffffff"}"#, "component_appid"),
    ] {
        assert_eq!(named(body), Err(ProxyRefusal::OtherSubject(name)), "{body}");
    }
    for body in ["", "[]", "x", "{", "\u{feff}{}"] {
        assert_eq!(named(body), Err(ProxyRefusal::BodyNotAnObject), "{body}");
    }
}

#[test]
fn what_could_mean_another_address_is_refused() {
    for path in [
        "",
        "cgi-bin/x",
        "//cgi-bin/x",
        "/cgi-bin/a%3bb",
        "/cgi-bin/a%3Fb",
        "/cgi-bin//x",
        "/cgi-bin/x/",
        "/cgi-bin/./x",
        "/cgi-bin/../x",
        "/cgi-bin/..",
        "/cgi-bin/%2e%2e/x",
        "/cgi-bin/%2E/x",
        "/cgi-bin/a%2fb",
        "/cgi-bin/a%5Cb",
        "/cgi-bin\\x",
        "/cgi-bin/%252e",
        "/cgi-bin/a%0d%0ab",
        "/cgi-bin/a%00",
        "/cgi-bin/a b",
        "/cgi-bin/a?b",
        "/cgi-bin/a#b",
        "/cgi-bin/a;b",
        "/cgi-bin/你",
        "/@evil.example/x//",
        "http://evil.example/cgi-bin/x",
    ] {
        assert_eq!(decide(path, ""), Err(ProxyRefusal::UnclearPath), "{path}");
    }
    for query in ["a b", "a#b", "a\r\nb", "你"] {
        assert_eq!(decide("/cgi-bin/x", query), Err(ProxyRefusal::UnclearQuery), "{query}");
    }
}

#[test]
fn needless_escapes_and_what_is_not_utf_8_are_refused() {
    for path in [
        "/cgi-bin/%6dessage/custom/send",
        "/cgi-bin/message/custom%2Dsend",
        "/cgi-bin/a%5fb",
        "/cgi-bin/a%5Fb",
        "/cgi-bin/a%7Eb",
        "/cgi-bin/%30",
        "/wxa/%67etwxacode",
        "/wxa/gettemplate%6cist",
        "/sns/%63omponent/jscode2session",
        "/cgi-bin/%63omponents/x",
        "/cgi-bin/%63omponent/fastregisterweapp",
        "/cgi-bin/component/get_authorizer_%6fption",
        "/cgi-bin/a%ff",
        "/cgi-bin/a%c0%ae%c0%ae/b",
        "/cgi-bin/a%e4%bd",
        "/cgi-bin/a%ed%a0%80",
        "/cgi-bin/a%c2%85b",
        "/cgi-bin/a%",
        "/cgi-bin/a%4",
        "/cgi-bin/a%zz",
        "/cgi-bin/a%+f",
    ] {
        assert_eq!(decide(path, ""), Err(ProxyRefusal::NeedlessEscape), "{path}");
    }
    for path in ["/wxa/x%20y", "/cgi-bin/%e4%bd%a0", "/cgi-bin/a%2Bb", "/cgi-bin/a-b._~", "/cgi-bin/a%40b"] {
        assert!(decide(path, "").is_ok(), "{path}");
    }
    for query in ["access_token%FF=x", "%c0%61ppid=x", "%2561ccess_token=x", "a%25=b", "access_token%e4=x"] {
        assert_eq!(decide("/cgi-bin/x", query), Err(ProxyRefusal::UnclearQuery), "{query}");
    }
    assert!(decide("/cgi-bin/x", "a=%ff%25&b=%7E%61&%7Ea=1&%e4%bd%a0=x").is_ok());
}

const WITH_THE_COMPONENT_S_TOKEN: [&str; 5] = [
    "/sns/component/jscode2session",
    "/sns/oauth2/component/access_token",
    "/wxa/gettemplatelist",
    "/cgi-bin/component/fastregisterweapp",
    "/cgi-bin/component/api_set_authorizer_option",
];

#[test]
fn a_query_that_two_servers_read_differently_is_refused() {
    for path in WITH_THE_COMPONENT_S_TOKEN.into_iter().chain(["/cgi-bin/x"]) {
        for query in ["%00appid=x", "appid%00=x", "a%0d%0ab=x", "a=b&%7f=x", "x%09", "appid%c2%85=wx"] {
            assert_eq!(decide(path, query), Err(ProxyRefusal::UnclearQuery), "{path} {query}");
        }
        assert!(decide(path, "a=%00%0a&b=%3bappid%3d1").is_ok(), "{path}");
    }
    for path in WITH_THE_COMPONENT_S_TOKEN {
        for query in [";", "a=b;appid=wxffffffffffffffff", "a=b;component_access_token=x", "a;b"] {
            assert_eq!(decide(path, query), Err(ProxyRefusal::UnclearQuery), "{path} {query}");
        }
    }
    assert!(decide("/cgi-bin/x", "a=b;c").is_ok());
}

#[test]
fn with_the_component_s_token_a_query_names_nobody_else_and_nobody_twice() {
    let (a, c, other) = ("wxa0b1c2d3e4f50617", "wx1f2e3d4c5b6a7988", "wxffffffffffffffff");
    for path in WITH_THE_COMPONENT_S_TOKEN {
        for (name, own) in [("appid", a), ("authorizer_appid", a), ("component_appid", c)] {
            let refused = |query: &str| decide(path, query).unwrap_err();
            assert!(decide(path, &format!("{name}={own}&x=1")).is_ok(), "{path} {name}");
            for query in [
                format!("{name}={other}"),
                format!("{}={other}", name.to_ascii_uppercase()),
                format!("{}={other}", name.replace('p', "%70")),
                format!("+{name}%20={other}"),
                format!("{name}={own}&{name}={other}"),
                format!("{name}={own}x"),
                format!("{name}="),
                name.to_owned(),
            ] {
                assert_eq!(refused(&query), ProxyRefusal::OtherSubject(name), "{path} {query}");
            }
            for query in [
                format!("{name}={own}&{name}={own}"),
                format!("{name}={own}&x=1&{}={own}", name.to_ascii_uppercase()),
                format!("{}={own}&{name}={own}", name.replace('a', "%61")),
            ] {
                assert_eq!(refused(&query), ProxyRefusal::RepeatedSubject(name), "{path} {query}");
            }
        }
    }
    // With its own token an authorizer can name others: WeChat decides.
    assert!(decide("/cgi-bin/x", "appid=wxffffffffffffffff&appid=wxeeeeeeeeeeeeeeee").is_ok());
    let other = decide("/cgi-bin/x", "component_appid=wxffffffffffffffff");
    assert_eq!(other, Err(ProxyRefusal::OtherSubject("component_appid")));
}

#[test]
fn only_allowed_paths_and_never_the_component_s_own() {
    for path in [
        "/",
        "/cgi-bin",
        "/datacube/x",
        "/CGI-BIN/x",
        "/sns/oauth2/access_token",
        "/sns/Component/jscode2session",
        "/x/cgi-bin/y",
    ] {
        let refused = decide(path, "");
        assert!(
            matches!(refused, Err(ProxyRefusal::NotAllowed { .. } | ProxyRefusal::UnclearPath)),
            "{path}: {refused:?}"
        );
    }
    for path in [
        "/cgi-bin/component",
        "/cgi-bin/component/api_component_token",
        "/cgi-bin/Component/clear_quota/v2",
        "/cgi-bin/COMPONENT",
        "/cgi-bin//component/api_query_auth",
        "/cgi-bin/component/api_query_auth/",
        "/cgi-bin/%63omponent/api%5fquery_auth",
        "/cgi-bin/clear_quota",
        "/cgi-bin/openapi/quota/clear",
        "/cgi-bin/OpenApi//quota/%63lear",
    ] {
        let refused = decide(path, "");
        assert!(matches!(refused, Err(ProxyRefusal::ComponentOnly(_))), "{path}: {refused:?}");
    }
    assert!(decide("/cgi-bin/components/x", "").is_ok());
}

#[test]
fn a_caller_s_own_token_is_refused_however_it_is_written() {
    for query in [
        "access_token=x",
        "a=b&access_token=x",
        "access%5Ftoken=x",
        "ACCESS_TOKEN=x",
        "component_access_token=x",
        "access_token",
        "&&access_token=",
        "+access_token=x",
        "%20access_token=x",
    ] {
        let refused = decide("/cgi-bin/x", query);
        assert!(matches!(refused, Err(ProxyRefusal::TokenInQuery(_))), "{query}: {refused:?}");
    }
    assert!(decide("/cgi-bin/x", "access_tokens=x&my_access_token=y").is_ok());
}
