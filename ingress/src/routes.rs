//! Which callback URL a request was sent to. Pure: compiled once from the configured paths, then asked per request.

use std::sync::Arc;

use mandate_schema::{AuthorizerId, ComponentId, PushKind};
use percent_encoding::percent_decode_str;

/// What `WeChat` replaces with the authorizer's appid, anywhere in the path or the query of the message URL.
const HOLE: &str = "$APPID$";

/// The callback paths of one component as configured.
#[derive(Clone, Debug)]
pub struct ComponentPaths {
    /// The component.
    pub component: ComponentId,
    /// Path (and query) of the auth-event URL.
    pub event_path: String,
    /// Path (and query) of the message URL, with `$APPID$` in it once.
    pub message_path: String,
}

/// A callback path that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("callback path {path:?}: {reason}")]
pub struct InvalidPath {
    /// The path as configured.
    pub path: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// The URL that was found for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The components whose URL it is. Several may share an auth-event URL: what a push was sealed with tells whose it is.
    pub components: Arc<[ComponentId]>,
    /// Which of the two URLs.
    pub kind: PushKind,
    /// What stands in the place of `$APPID$` (unsigned); `None` on the auth-event URL.
    pub authorizer: Option<AuthorizerId>,
}

/// What stands in logs and metrics for the components of a shared URL, until it is known which of them a push is for.
pub const SHARED: &str = "shared";

impl Route {
    /// The component in logs and metrics: the only one whose URL it is, or the one that is known, else [`SHARED`].
    pub fn label<'a>(&'a self, known: Option<&'a ComponentId>) -> &'a str {
        let only = match &*self.components {
            [only] => Some(only),
            _ => None,
        };
        known.or(only).map_or(SHARED, ComponentId::as_str)
    }
}

/// All callback URLs of a deployment, the most specific first.
#[derive(Debug)]
pub struct Routes(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    components: Arc<[ComponentId]>,
    kind: PushKind,
    path: Template,
    query: Vec<(String, Template)>,
}

/// A text with at most one hole for an appid.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Template {
    Literal(String),
    Hole { before: String, after: String },
}

/// How a text fits a template.
enum Fit {
    No,
    Literally,
    With(AuthorizerId),
}

impl Routes {
    /// Compiles the paths of all components.
    ///
    /// # Errors
    ///
    /// [`InvalidPath`] for a path that does not start with `/`, a message path without exactly one `$APPID$`, an event
    /// path with one, or a path that is configured twice, unless all of them are event paths.
    pub fn compile(components: impl IntoIterator<Item = ComponentPaths>) -> Result<Self, InvalidPath> {
        let mut entries: Vec<Entry> = Vec::new();
        for paths in components {
            let event = (PushKind::Event, paths.event_path);
            let message = (PushKind::Message, paths.message_path);
            for (kind, path) in [event, message] {
                let entry = Entry::parse(paths.component.clone(), kind, &path)?;
                let same = |other: &&mut Entry| other.path == entry.path && other.query == entry.query;
                match entries.iter_mut().find(same) {
                    None => entries.push(entry),
                    Some(other) if other.may_be_shared_by(&paths.component) => {
                        other.components =
                            other.components.iter().chain(&*entry.components).cloned().collect();
                    }
                    Some(_) => return Err(InvalidPath { path, reason: "it is configured twice" }),
                }
            }
        }
        entries.sort_by_key(Entry::vagueness);
        Ok(Self(entries))
    }

    /// The URL that `path` and `query` (without `?`) belong to. The path is compared as sent, query values
    /// percent-decoded; parameters that the configured query does not name are ignored: `WeChat` adds its own.
    pub fn find(&self, path: &str, query: &str) -> Option<Route> {
        self.0.iter().find_map(|entry| entry.matches(path, query))
    }
}

impl Entry {
    /// Whether one more component may have this URL. A message URL is one component's own.
    fn may_be_shared_by(&self, component: &ComponentId) -> bool {
        match self.kind {
            PushKind::Event => !self.components.contains(component),
            PushKind::Message => false,
        }
    }

    fn parse(component: ComponentId, kind: PushKind, text: &str) -> Result<Self, InvalidPath> {
        let invalid = |reason| Err(InvalidPath { path: text.to_owned(), reason });
        if !text.starts_with('/') {
            return invalid("it must start with '/'");
        }
        match (kind, text.matches(HOLE).count()) {
            (PushKind::Event, 0) | (PushKind::Message, 1) => {}
            (PushKind::Event, _) => return invalid("an event path cannot hold $APPID$"),
            (PushKind::Message, _) => return invalid("a message path must hold $APPID$ exactly once"),
        }
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let query: Vec<_> = pairs(query).map(|(key, value)| (key, Template::parse(&value))).collect();
        if query.iter().any(|(key, _)| key.contains(HOLE)) {
            return invalid("$APPID$ cannot be the name of a parameter");
        }
        Ok(Self { components: [component].into(), kind, path: Template::parse(path), query })
    }

    /// Sorts literals before holes and longer queries before shorter ones, so that `/events` is never taken for an
    /// appid.
    fn vagueness(&self) -> (bool, std::cmp::Reverse<usize>) {
        (matches!(self.path, Template::Hole { .. }), std::cmp::Reverse(self.query.len()))
    }

    fn matches(&self, path: &str, query: &str) -> Option<Route> {
        let mut authorizer = None;
        let mut take = |fit| match fit {
            Fit::No => false,
            Fit::Literally => true,
            Fit::With(appid) => {
                authorizer = Some(appid);
                true
            }
        };
        let fits = take(self.path.fit(path))
            && self.query.iter().all(|(key, template)| {
                let sent = pairs(query).find(|(sent, _)| sent == key);
                sent.is_some_and(|(_, value)| take(template.fit(&value)))
            });
        fits.then(|| Route { components: Arc::clone(&self.components), kind: self.kind, authorizer })
    }
}

impl Template {
    fn parse(text: &str) -> Self {
        match text.split_once(HOLE) {
            None => Self::Literal(text.to_owned()),
            Some((before, after)) => Self::Hole { before: before.to_owned(), after: after.to_owned() },
        }
    }

    fn fit(&self, text: &str) -> Fit {
        match self {
            Self::Literal(literal) if literal == text => Fit::Literally,
            Self::Literal(_) => Fit::No,
            Self::Hole { before, after } => text
                .strip_prefix(before.as_str())
                .and_then(|rest| rest.strip_suffix(after.as_str()))
                .and_then(|appid| AuthorizerId::parse(appid).ok())
                .map_or(Fit::No, Fit::With),
        }
    }
}

/// The parameters of a query, percent-decoded.
fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    query.split('&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key), decode(value))
    })
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
