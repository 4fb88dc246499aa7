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
    /// The path has an escape that it does not need, or one that nobody can read.
    #[error(
        "the path must be written without needless escapes: letters, digits, -, ., _ and ~ as they are, everything else as %XX of its UTF-8 bytes"
    )]
    NeedlessEscape,
    /// The query could be read in two ways.
    #[error(
        "the query must be plain: ASCII, spaces and # encoded, names in UTF-8 and without control characters and percent signs; in calls with the component's token semicolons encoded as %3B"
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
    if !is_escaped_well(path) {
        return Err(ProxyRefusal::NeedlessEscape);
    }
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
        let spaced = name.replace('+', " ");
        let exact = percent_decode_str(&spaced).decode_utf8().map_err(|_| ProxyRefusal::UnclearQuery)?;
        // A percent sign that is left would be the beginning of an escape to whoever decodes twice.
        if exact.contains(|letter: char| letter.is_control() || letter == '%') {
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

/// Whether each escape of a path is one of UTF-8 that could not be left out: what is written in two ways is compared in one of
/// them only, by us or by somebody behind us.
fn is_escaped_well(path: &str) -> bool {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let escapes_well = |rest: &str| {
        let byte = rest.get(..2).filter(|code| code.bytes().all(|digit| digit.is_ascii_hexdigit()));
        byte.and_then(|code| u8::from_str_radix(code, 16).ok()).is_some_and(|byte| !is_unreserved(byte))
    };
    let text = percent_decode_str(path).decode_utf8();
    path.split('%').skip(1).all(escapes_well) && text.is_ok_and(|text| !text.contains(char::is_control))
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
#[path = "target_tests.rs"]
mod tests;
