//! What a caller asks the proxy for: where it goes, and which token belongs to it. Pure; everything is refused that could
//! mean another address to somebody on the way.

use std::collections::BTreeSet;

use actix_web::web::Bytes;
use mandate_schema::{AuthorizerId, ComponentId, Secret};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value};

use super::manner::{Manner, Names, TokenKind, manner};

/// A call that may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    path: String,
    query: String,
    pub(crate) manner: Manner,
}

/// Why a call is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyRefusal {
    /// The path could be read in two ways.
    #[error(
        "the path must be plain: no empty, . or .. segments, no backslash, no semicolon, no encoded slash, dot, backslash, semicolon, question mark, hash or percent sign, no control characters"
    )]
    UnclearPath,
    /// The query could be read in two ways.
    #[error(
        "the query must be plain: ASCII, spaces and # encoded, no control characters in names; in calls with the component's token semicolons encoded as %3B"
    )]
    UnclearQuery,
    /// The path is not allowed.
    #[error("{path} is below none of the prefixes that [worker] proxy_prefixes allows: {allowed}")]
    NotAllowed {
        /// What was asked for.
        path: String,
        /// What is allowed.
        allowed: String,
    },
    /// The path is the component's own.
    #[error(
        "{0} is a call of the component itself, which Mandate makes: read tokens at /api/v1/components/{{c}}/access-token and /api/v1/components/{{c}}/authorizers/{{a}}/access-token, authorizers at /api/v1/authorizers"
    )]
    ComponentOnly(String),
    /// The caller put a token into the query.
    #[error("the query must not have {0}: the token is put in here")]
    TokenInQuery(String),
    /// Query or body name another authorizer or component than the address.
    #[error("{0} is another one than in the address of the proxy")]
    OtherSubject(&'static str),
    /// The query names somebody twice.
    #[error("the query must have {0} only once")]
    RepeatedSubject(&'static str),
    /// A call that names its authorizer in the query must not name one elsewhere.
    #[error(
        "this call names its authorizer in the query: make it with GET, all parameters in the query, and no body"
    )]
    GetOnly,
    /// The body has to name the authorizer.
    #[error("the body of this call must be a JSON object of at most 1 MiB; both appids are put in here")]
    BodyNotAnObject,
}

/// Decides about a call for an authorizer. `path` begins with a slash; `query` is as it came, without the question mark.
pub(crate) fn target(
    component: &ComponentId,
    authorizer: &AuthorizerId,
    path: &str,
    query: &str,
    prefixes: &[String],
) -> Result<Target, ProxyRefusal> {
    if !is_plain(path) {
        return Err(ProxyRefusal::UnclearPath);
    }
    if !query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(ProxyRefusal::UnclearQuery);
    }
    let manner = manner(path).ok_or_else(|| ProxyRefusal::ComponentOnly(path.to_owned()))?;
    if path.split('/').skip(1).any(str::is_empty) {
        return Err(ProxyRefusal::UnclearPath);
    }
    if !prefixes.iter().any(|prefix| path.starts_with(prefix.as_str())) {
        return Err(ProxyRefusal::NotAllowed { path: path.to_owned(), allowed: prefixes.join(" ") });
    }
    let named = named_in(query, component, authorizer, manner.token)?;
    let mut target = Target { path: path.to_owned(), query: query.to_owned(), manner };
    if manner.names == Names::Query {
        if !named.authorizer {
            target.add("appid", authorizer.as_str());
        }
        if !named.component {
            target.add("component_appid", component.as_str());
        }
    }
    Ok(target)
}

/// Whom a query names, in the names that `WeChat` reads.
#[derive(Default)]
struct Named {
    component: bool,
    authorizer: bool,
}

/// Whom the query names. With the component's token a call could be about any authorizer: nobody but those of the address may
/// be found then, and each of them once.
fn named_in(
    query: &str,
    component: &ComponentId,
    authorizer: &AuthorizerId,
    token: TokenKind,
) -> Result<Named, ProxyRefusal> {
    let is_strict = token == TokenKind::Component;
    if is_strict && query.contains(';') {
        return Err(ProxyRefusal::UnclearQuery); // it separates parameters, too
    }
    let (mut found, mut seen) = (Named::default(), BTreeSet::new());
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let exact = percent_decode_str(&name.replace('+', " ")).decode_utf8_lossy().into_owned();
        if exact.contains(char::is_control) {
            return Err(ProxyRefusal::UnclearQuery);
        }
        let name = exact.trim().to_ascii_lowercase();
        let (name, id) = match name.as_str() {
            "access_token" | "component_access_token" => return Err(ProxyRefusal::TokenInQuery(name)),
            "appid" => ("appid", authorizer.as_str()),
            "authorizer_appid" => ("authorizer_appid", authorizer.as_str()),
            "component_appid" => ("component_appid", component.as_str()),
            _ => continue,
        };
        if value != id && (is_strict || name == "component_appid") {
            return Err(ProxyRefusal::OtherSubject(name));
        }
        if is_strict && !seen.insert(name) {
            return Err(ProxyRefusal::RepeatedSubject(name));
        }
        found.authorizer |= exact == "appid";
        found.component |= exact == "component_appid";
    }
    Ok(found)
}

/// The body of a call that names its authorizer in it: with both appids put in, which must not be others.
pub(crate) fn body_naming(
    component: &ComponentId,
    authorizer: &AuthorizerId,
    body: &[u8],
) -> Result<Bytes, ProxyRefusal> {
    let mut fields: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| ProxyRefusal::BodyNotAnObject)?;
    for (name, id) in [("component_appid", component.as_str()), ("authorizer_appid", authorizer.as_str())] {
        match fields.insert(name.to_owned(), id.into()) {
            Some(other) if other != id => return Err(ProxyRefusal::OtherSubject(name)),
            Some(_) | None => {}
        }
    }
    Ok(Value::Object(fields).to_string().into())
}

/// Whether everybody on the way reads the same segments, but for empty ones.
fn is_plain(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let hidden =
        ["%2f", "%2e", "%5c", "%25", "%00", "%3b", "%3f", "%23"].iter().any(|code| lower.contains(code));
    let characters =
        path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'?' | b'#' | b';'));
    let decoded = percent_decode_str(path).all(|byte| !byte.is_ascii_control());
    let Some(segments) = path.strip_prefix('/') else { return false };
    let named = segments.split('/').all(|segment| segment != "." && segment != "..");
    named && characters && decoded && !hidden
}

impl Target {
    fn add(&mut self, name: &str, value: &str) {
        let separator = if self.query.is_empty() { "" } else { "&" };
        self.query = format!("{}{separator}{name}={value}", self.query);
    }

    /// The address below the API's base, with its token: a secret as a whole.
    pub(crate) fn address(&self, token: &Secret) -> Secret {
        let mut with_token = self.clone();
        with_token
            .add(self.manner.parameter, &utf8_percent_encode(token.expose(), NON_ALPHANUMERIC).to_string());
        Secret::new(format!("{}?{}", with_token.path, with_token.query))
    }
}

#[cfg(test)]
mod tests {
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
}
