//! Logs refused pushes, but not without limit: whoever floods the door must not fill the disk that the journal needs.

use std::net::IpAddr;

use mandate_runtime::strangers::LineLimit;
use mandate_wechat::push::BadContent;
use tracing::{error, warn};

use super::Refusal;
use crate::routes::Route;

/// Lines in a second. The metrics count all refusals.
const LINES: usize = 3;

/// Characters of an unknown path that are logged: enough to recognise it, too few to send a text to the log's reader.
const PATH_CHARACTERS: usize = 64;

/// Writes a line per refused push, up to a rate; `unlogged` says how many were left out before it.
pub(super) struct RefusalLog(LineLimit);

impl Default for RefusalLog {
    fn default() -> Self {
        Self(LineLimit::new(LINES))
    }
}

impl RefusalLog {
    /// Logs a refusal, without anything the caller sent but his address.
    pub(super) fn note(&self, route: &Route, refusal: &Refusal, client: Option<IpAddr>) {
        if let Some(unlogged) = self.0.admit() {
            warn!(
                component = route.label(refusal.component()),
                kind = route.kind.as_str(),
                outcome = refusal.kind(),
                peer = address(client),
                unlogged,
                "refused a callback: {refusal}"
            );
        }
    }

    /// Logs a request to a path that no component has: most often a platform that was registered with other paths. No
    /// metric counts it, as it belongs to no component; `unlogged` of the next line does.
    pub(super) fn note_unknown(&self, path: &str, client: Option<IpAddr>) {
        if let Some(unlogged) = self.0.admit() {
            let path = excerpt(path);
            warn!(
                path,
                outcome = "unknown_path",
                peer = address(client),
                unlogged,
                "no component has the path \"{path}\""
            );
        }
    }

    /// Logs a message that is parked: somebody replays a captured one, or an appid has another original id than before.
    pub(super) fn note_parked(&self, route: &Route, client: Option<IpAddr>) {
        if let Some(unlogged) = self.0.admit() {
            warn!(
                component = route.label(None),
                outcome = "parked",
                peer = address(client),
                unlogged,
                "parked a message: its original id came with another appid before; see `mandate journal parked`"
            );
        }
    }

    /// Logs a message that is parked because nobody could do anything with it.
    pub(super) fn note_bad(&self, route: &Route, bad: BadContent, client: Option<IpAddr>) {
        if let Some(unlogged) = self.0.admit() {
            error!(
                component = route.label(None),
                outcome = "parked",
                reason = bad.reason(),
                peer = address(client),
                unlogged,
                "parked a message: {bad}; see `mandate journal parked`"
            );
        }
    }
}

fn address(client: Option<IpAddr>) -> String {
    client.map(|address| address.to_string()).unwrap_or_default()
}

/// The start of a path, in letters that cannot pretend to be another line.
fn excerpt(path: &str) -> String {
    let mut shown = path.chars();
    let start: String = shown.by_ref().take(PATH_CHARACTERS).flat_map(char::escape_default).collect();
    if shown.next().is_some() { start + "…" } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_logged_cut_and_in_harmless_letters() {
        assert_eq!(excerpt("/wechat/event"), "/wechat/event");
        assert_eq!(excerpt("/a\n\u{1b}[2Jé"), "/a\\n\\u{1b}[2J\\u{e9}");
        assert_eq!(excerpt(&"/".repeat(64)), "/".repeat(64));
        assert_eq!(excerpt(&"/".repeat(9_000)), "/".repeat(64) + "…");
    }
}
