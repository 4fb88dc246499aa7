//! What a caller asks the proxy for: where it goes, and which token belongs to it. Pure; everything is refused that could
//! mean another address to somebody on the way.

use mandate_schema::{AuthorizerId, ComponentId, Secret};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Calls of the component itself, with its own token and secret.
const COMPONENT_ONLY: &str = "/cgi-bin/component/";
/// Calls with the component's token that are about one account.
const WITH_COMPONENT_TOKEN: &str = "/sns/component/";

/// Which token goes into the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// The account's, as `access_token`.
    Authorizer,
    /// The component's, as `component_access_token`.
    Component,
}

/// A call that may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    path: String,
    query: String,
    pub(crate) token: TokenKind,
}

/// Why a call is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyRefusal {
    /// The path could be read in two ways.
    #[error(
        "the path must be plain: no empty, . or .. segments, no backslash, no encoded slash, dot, backslash or percent sign, no control characters"
    )]
    UnclearPath,
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
        "{0} is a call of the component itself, which Mandate makes: read tokens at /api/v1/components/{{c}}/access-token and /api/v1/components/{{c}}/authorizers/{{a}}/access-token, accounts at /api/v1/authorizers"
    )]
    ComponentOnly(String),
    /// The caller put a token into the query.
    #[error("the query must not have {0}: the token is put in here")]
    TokenInQuery(String),
    /// The query names another account or component than the address.
    #[error("{0} in the query is another one than in the address")]
    OtherSubject(&'static str),
}

/// Decides about a call for an account. `path` begins with a slash; `query` is as it came, without the question mark.
pub(crate) fn target(
    component: &ComponentId,
    authorizer: &AuthorizerId,
    path: &str,
    query: &str,
    prefixes: &[String],
) -> Result<Target, ProxyRefusal> {
    if !is_plain(path) || !query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(ProxyRefusal::UnclearPath);
    }
    // WeChat might not mind the case of letters.
    let lower = path.to_ascii_lowercase();
    if format!("{lower}/").starts_with(COMPONENT_ONLY) {
        return Err(ProxyRefusal::ComponentOnly(path.to_owned()));
    }
    if !prefixes.iter().any(|prefix| path.starts_with(prefix.as_str())) {
        return Err(ProxyRefusal::NotAllowed { path: path.to_owned(), allowed: prefixes.join(" ") });
    }
    let (mut has_appid, mut has_component) = (false, false);
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name =
            percent_decode_str(&name.replace('+', " ")).decode_utf8_lossy().trim().to_ascii_lowercase();
        match name.as_str() {
            "access_token" | "component_access_token" => return Err(ProxyRefusal::TokenInQuery(name)),
            "appid" if value == authorizer.as_str() => has_appid = true,
            "component_appid" if value == component.as_str() => has_component = true,
            "appid" if lower.starts_with(WITH_COMPONENT_TOKEN) => {
                return Err(ProxyRefusal::OtherSubject("appid"));
            }
            "component_appid" => return Err(ProxyRefusal::OtherSubject("component_appid")),
            _ => {}
        }
    }
    let mut target = Target { path: path.to_owned(), query: query.to_owned(), token: TokenKind::Authorizer };
    if lower.starts_with(WITH_COMPONENT_TOKEN) {
        target.token = TokenKind::Component;
        if !has_appid {
            target.add("appid", authorizer.as_str());
        }
        if !has_component {
            target.add("component_appid", component.as_str());
        }
    }
    Ok(target)
}

/// Whether everybody on the way reads the same segments.
fn is_plain(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let hidden = ["%2f", "%2e", "%5c", "%25", "%00"].iter().any(|code| lower.contains(code));
    let characters =
        path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'?' | b'#' | b';'));
    let decoded = percent_decode_str(path).all(|byte| !byte.is_ascii_control());
    let Some(segments) = path.strip_prefix('/') else { return false };
    let named = segments.split('/').all(|segment| !segment.is_empty() && segment != "." && segment != "..");
    named && characters && decoded && !hidden
}

impl Target {
    fn add(&mut self, name: &str, value: &str) {
        let separator = if self.query.is_empty() { "" } else { "&" };
        self.query = format!("{}{separator}{name}={value}", self.query);
    }

    /// The address below the API's base, with its token: a secret as a whole.
    pub(crate) fn address(&self, token: &Secret) -> Secret {
        let name = match self.token {
            TokenKind::Authorizer => "access_token",
            TokenKind::Component => "component_access_token",
        };
        let mut with_token = self.clone();
        with_token.add(name, &utf8_percent_encode(token.expose(), NON_ALPHANUMERIC).to_string());
        Secret::new(format!("{}?{}", with_token.path, with_token.query))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(path: &str, query: &str) -> Result<Target, ProxyRefusal> {
        let prefixes = ["/cgi-bin/", "/wxa/", "/sns/component/"].map(str::to_owned);
        let (component, authorizer) = ("wx1f2e3d4c5b6a7988", "wxa0b1c2d3e4f50617");
        target(&component.parse().unwrap(), &authorizer.parse().unwrap(), path, query, &prefixes)
    }

    fn address(path: &str, query: &str) -> String {
        decide(path, query).unwrap().address(&Secret::new("84_a-b&c=d")).expose().to_owned()
    }

    #[test]
    fn the_account_s_token_goes_behind_the_query_as_it_came() {
        let expected = "/cgi-bin/message/custom/send?access_token=84%5Fa%2Db%26c%3Dd";
        assert_eq!(address("/cgi-bin/message/custom/send", ""), expected);
        assert_eq!(
            address("/wxa/x%20y", "b=2&a=%e4%bd%a0&&b=+1"),
            "/wxa/x%20y?b=2&a=%e4%bd%a0&&b=+1&access_token=84%5Fa%2Db%26c%3Dd"
        );
    }

    #[test]
    fn logins_of_mini_programs_get_the_component_s_token_and_both_appids() {
        assert_eq!(
            address("/sns/component/jscode2session", "js_code=x&grant_type=authorization_code"),
            "/sns/component/jscode2session?js_code=x&grant_type=authorization_code&appid=wxa0b1c2d3e4f50617\
             &component_appid=wx1f2e3d4c5b6a7988&component_access_token=84%5Fa%2Db%26c%3Dd"
        );
        let there = "appid=wxa0b1c2d3e4f50617&component_appid=wx1f2e3d4c5b6a7988&js_code=x";
        assert!(
            address("/sns/component/jscode2session", there)
                .starts_with(&format!("/sns/component/jscode2session?{there}&component_access_token="))
        );
        for other in
            ["appid=wxffffffffffffffff", "%61ppid=wxffffffffffffffff", "component_appid=wxffffffffffffffff"]
        {
            let refusal = decide("/sns/component/jscode2session", other).unwrap_err();
            assert!(matches!(refusal, ProxyRefusal::OtherSubject(_)), "{other}");
        }
    }

    #[test]
    fn what_could_mean_another_address_is_refused() {
        for path in [
            "",
            "cgi-bin/x",
            "//cgi-bin/x",
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
            assert_eq!(decide("/cgi-bin/x", query), Err(ProxyRefusal::UnclearPath), "{query}");
        }
    }

    #[test]
    fn only_allowed_paths_and_never_the_component_s_own() {
        for path in [
            "/",
            "/cgi-bin",
            "/datacube/x",
            "/CGI-BIN/x",
            "/sns/oauth2/component/access_token",
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
        ] {
            let refused = decide(path, "");
            assert!(matches!(refused, Err(ProxyRefusal::ComponentOnly(_))), "{path}: {refused:?}");
        }
        assert!(decide("/cgi-bin/components/x", "").is_ok() && decide("/cgi-bin/clear_quota", "").is_ok());
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
