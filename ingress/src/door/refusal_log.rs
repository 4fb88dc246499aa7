//! Logs refused pushes, but not without limit: whoever floods the door must not fill the disk that the journal needs.

use std::{net::SocketAddr, time::Instant};

use mandate_runtime::log_rate::LogRate;
use mandate_wechat::push::BadContent;
use tracing::{error, warn};

use super::Refusal;
use crate::routes::Route;

/// Characters of an unknown path that are logged: enough to recognise it, too few to send a text to the log's reader.
const PATH_CHARACTERS: usize = 64;

/// Writes a line per refused push, up to a rate. The metrics count all of them.
#[derive(Default)]
pub(super) struct RefusalLog(LogRate);

impl RefusalLog {
    /// Logs a refusal, without anything the caller sent but his address.
    pub(super) fn note(&self, route: &Route, refusal: &Refusal, peer: Option<SocketAddr>) {
        if self.may_log() {
            warn!(
                component = route.label(refusal.component()),
                kind = route.kind.as_str(),
                outcome = refusal.kind(),
                peer = address(peer),
                "refused a callback: {refusal}"
            );
        }
    }

    /// Logs a request to a path that no component has: most often a platform that was registered with other paths. No
    /// metric counts it, as it belongs to no component; the line that sums up what was left out does.
    pub(super) fn note_unknown(&self, path: &str, peer: Option<SocketAddr>) {
        if self.may_log() {
            let path = excerpt(path);
            warn!(
                path,
                outcome = "unknown_path",
                peer = address(peer),
                "no component has the path \"{path}\""
            );
        }
    }

    /// Logs a message that is parked: somebody replays a captured one, or an appid has another original id than before.
    pub(super) fn note_parked(&self, route: &Route, peer: Option<SocketAddr>) {
        if self.may_log() {
            warn!(
                component = route.label(None),
                outcome = "parked",
                peer = address(peer),
                "parked a message: its original id came with another appid before; see `mandate journal parked`"
            );
        }
    }

    /// Logs a message that is parked because nobody could do anything with it.
    pub(super) fn note_bad(&self, route: &Route, bad: BadContent, peer: Option<SocketAddr>) {
        if self.may_log() {
            error!(
                component = route.label(None),
                outcome = "parked",
                reason = bad.reason(),
                peer = address(peer),
                "parked a message: {bad}; see `mandate journal parked`"
            );
        }
    }

    /// Whether there may be a line now; says before it how many were left out.
    fn may_log(&self) -> bool {
        let Some(unlogged) = self.0.admit(Instant::now()) else {
            return false;
        };
        if unlogged > 0 {
            warn!(unlogged, "{unlogged} more refused callbacks were not logged");
        }
        true
    }
}

fn address(peer: Option<SocketAddr>) -> String {
    peer.map(|peer| peer.ip().to_string()).unwrap_or_default()
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
