//! How a call is made: under which token, in which parameter, and where it names the authorizer. Pure.

use percent_encoding::percent_decode_str;

/// Calls that carry or return credentials or codes, wherever they may stand; and all that clear a quota.
const NEVER: [&str; 7] = [
    "api_component_token",
    "api_query_auth",
    "api_authorizer_token",
    "api_get_authorizer_info",
    "api_get_authorizer_list",
    "api_create_preauthcode",
    "api_start_push_ticket",
];
const CLEARS_QUOTA: &str = "clear_quota";

const COMPONENT_ACCESS_TOKEN: &str = "component_access_token";
const ACCESS_TOKEN: &str = "access_token";

/// How a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manner {
    /// Whose token goes into the query.
    pub(crate) token: TokenKind,
    /// The parameter that holds it.
    pub(crate) parameter: &'static str,
    /// Where the call names the authorizer.
    pub(crate) names: Names,
}

/// Whose token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// The authorizer's.
    Authorizer,
    /// The component's.
    Component,
}

/// Where a call names the authorizer that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// By its token.
    Token,
    /// In the query: `appid` beside `component_appid`.
    Query,
    /// In its JSON body: `authorizer_appid` beside `component_appid`.
    Body,
    /// Nowhere: it is about the component.
    Component,
}

/// The manner of the call to this path; `None`: it is a call of the component itself, which is not made for anybody.
pub(crate) fn manner(path: &str) -> Option<Manner> {
    let segments = segments(path);
    if segments.iter().any(|name| NEVER.contains(&name.as_str())) || clears_quota(&segments) {
        return None;
    }
    let component = |parameter, names| Some(Manner { token: TokenKind::Component, parameter, names });
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["sns", "component", ..] | ["sns", "oauth2", "component", ..] => {
            component(COMPONENT_ACCESS_TOKEN, Names::Query)
        }
        ["wxa", name, ..] if name.starts_with("gettemplate") => component(ACCESS_TOKEN, Names::Component),
        ["cgi-bin", "component", name] => match *name {
            "fastregisterweapp" => component(COMPONENT_ACCESS_TOKEN, Names::Component),
            "api_get_authorizer_option" | "api_set_authorizer_option" => {
                component(COMPONENT_ACCESS_TOKEN, Names::Body)
            }
            "get_authorizer_option" | "set_authorizer_option" => component(ACCESS_TOKEN, Names::Body),
            _ => None,
        },
        ["cgi-bin", "component", ..] => None,
        _ => Some(Manner { token: TokenKind::Authorizer, parameter: ACCESS_TOKEN, names: Names::Token }),
    }
}

/// Whether a call clears the quota of an API, for everybody who uses it.
fn clears_quota(segments: &[String]) -> bool {
    segments.iter().any(|name| name.starts_with(CLEARS_QUOTA))
        || segments.windows(2).any(|names| names[0] == "quota" && names[1].starts_with("clear"))
}

/// The names in a path as a lenient server may read them: decoded, trimmed, in lower case, however many slashes stand between them.
fn segments(path: &str) -> Vec<String> {
    let decoded = |name: &str| percent_decode_str(name).decode_utf8_lossy().trim().to_ascii_lowercase();
    path.split('/').filter(|name| !name.is_empty()).map(decoded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(parameter: &'static str, names: Names) -> Manner {
        Manner { token: TokenKind::Component, parameter, names }
    }

    #[test]
    fn calls_with_the_component_s_token_and_where_they_want_it() {
        for (path, expected) in [
            ("/sns/component/jscode2session", component("component_access_token", Names::Query)),
            ("/sns/oauth2/component/access_token", component("component_access_token", Names::Query)),
            ("/sns/oauth2/component/refresh_token", component("component_access_token", Names::Query)),
            ("/SNS/OAuth2/Component/access_token", component("component_access_token", Names::Query)),
            ("/wxa/gettemplatelist", component("access_token", Names::Component)),
            ("/wxa/gettemplatedraftlist", component("access_token", Names::Component)),
            ("/wxa/%67ettemplatelist", component("access_token", Names::Component)),
            ("/cgi-bin/component/fastregisterweapp", component("component_access_token", Names::Component)),
            (
                "/cgi-bin/component/api_get_authorizer_option",
                component("component_access_token", Names::Body),
            ),
            (
                "/cgi-bin/component/api_set_authorizer_option",
                component("component_access_token", Names::Body),
            ),
            ("/cgi-bin/component/get_authorizer_option", component("access_token", Names::Body)),
            ("/cgi-bin/component/set_authorizer_option", component("access_token", Names::Body)),
        ] {
            assert_eq!(manner(path), Some(expected), "{path}");
        }
    }

    #[test]
    fn all_other_calls_are_made_with_the_authorizer_s_token() {
        let expected =
            Some(Manner { token: TokenKind::Authorizer, parameter: "access_token", names: Names::Token });
        for path in [
            "/cgi-bin/message/custom/send",
            "/cgi-bin/components/x",
            "/wxa/get_template",
            "/wxa/commit",
            "/sns/userinfo",
            "/cgi-bin/openapi/quota/get",
            "/cgi-bin/openapi/rid/get",
            "/cgi-bin/quota/x/clear",
            "/cgi-bin/clear",
            "/cgi-bin/account/fastregister",
            "/wxaapi/gettemplatelist",
        ] {
            assert_eq!(manner(path), expected, "{path}");
        }
    }

    #[test]
    fn calls_about_credentials_and_codes_are_never_made_however_they_are_written() {
        let names =
            NEVER.into_iter().chain(["clear_quota", "clear_quota/v2", "api_confirm_authorization", "x"]);
        for name in names {
            for path in [
                format!("/cgi-bin/component/{name}"),
                format!("/cgi-bin/component/{name}/"),
                format!("/cgi-bin/component//{name}"),
                format!("//cgi-bin//component/{name}"),
                format!("/CGI-BIN/Component/{}", name.to_ascii_uppercase()),
                format!("/cgi-bin/%63omponent/{name}"),
                format!("/cgi%2Dbin/component/{}", name.replace('a', "%61").replace('c', "%63")),
            ] {
                assert_eq!(manner(&path), None, "{path}");
            }
        }
        for path in [
            "/cgi-bin/component",
            "/cgi-bin/component/",
            "/cgi-bin/clear_quota",
            "/cgi-bin/Clear_Quota/v2/",
            "/cgi-bin/clear%5Fquota",
            "/cgi-bin/clear_quota%20",
            "/cgi-bin/openapi/quota/clear",
            "/cgi-bin/openapi/quota/clear/",
            "/cgi-bin/OpenAPI/Quota/Clear",
            "/CGI-BIN//openapi//QUOTA//clear//",
            "/cgi-bin/openapi/%71uota/cl%65ar",
            "/cgi-bin/openapi/quota%20/%20clear",
            "/cgi-bin/openapi/quota/clear_v2",
            "/wxa/openapi/quota/clear",
            "/wxa/component/api_query_auth%20",
            "/wxa/component/api_query_auth",
            "/sns/component/api_component_token",
            "/cgi-bin/component/fastregisterweapp/x",
        ] {
            assert_eq!(manner(path), None, "{path}");
        }
    }
}
