//! A request to the API, taken from HTTP.

use std::net::IpAddr;

use serde_json::Value;

/// What stands in front of the names of the component API.
const PREFIX: &str = "/cgi-bin/component/";
/// What stands in front of the one call for an account.
const MESSAGE_PREFIX: &str = "/cgi-bin/message/";

/// A request to the API.
pub(crate) struct Request {
    pub(crate) is_post: bool,
    pub(crate) path: String,
    /// Decoded, in order.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) peer: IpAddr,
}

/// Whom a call is about, as far as its body or its query says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) component: Option<String>,
    pub(crate) authorizer: Option<String>,
    /// The page of a list.
    pub(crate) offset: Option<i64>,
}

/// Longest appid that goes into records.
const ID_MAX: usize = 64;

impl Request {
    /// The API's name; of other paths, the path.
    pub(crate) fn api_name(&self) -> &str {
        let prefixes = [PREFIX, MESSAGE_PREFIX];
        prefixes.into_iter().find_map(|prefix| self.path.strip_prefix(prefix)).unwrap_or(&self.path)
    }

    /// The component token, under either of its names.
    pub(crate) fn token(&self) -> Option<&str> {
        ["component_access_token", "access_token"].into_iter().find_map(|name| self.parameter(name))
    }

    /// A parameter of the query that is not empty.
    pub(crate) fn parameter(&self, wanted: &str) -> Option<&str> {
        let pair = self.query.iter().find(|(name, value)| name == wanted && !value.is_empty());
        pair.map(|(_, value)| value.as_str())
    }

    /// Whom the call is about.
    pub(crate) fn subject(&self) -> Subject {
        let Ok(body) = serde_json::from_slice::<Value>(&self.body) else {
            let id = |name| self.parameter(name).filter(|id| id.len() <= ID_MAX).map(str::to_owned);
            return Subject { component: id("component_appid"), authorizer: id("appid"), offset: None };
        };
        let id = |name: &str| body.get(name)?.as_str().filter(|id| id.len() <= ID_MAX).map(str::to_owned);
        let offset = body.get("offset").and_then(Value::as_i64);
        Subject { component: id("component_appid"), authorizer: id("authorizer_appid"), offset }
    }
}
