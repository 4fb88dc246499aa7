//! Callback paths: their shape, and that no two of them can mean the same request, but for event paths that are equal.

use actix_web::http::uri::PathAndQuery;

use super::{report::Report, scalar::Setting};

/// What `WeChat` replaces by the authorizer's appid.
pub(super) const APPID: &str = "$APPID$";

/// A path as it is set: of the event URL without [`APPID`], or of the message URL with it.
pub(super) struct CallbackPath<const TEMPLATED: bool>(String);

impl CallbackPath<false> {
    pub(super) fn fixed(text: String) -> Self {
        Self(text)
    }
}

impl CallbackPath<true> {
    pub(super) fn templated(text: String) -> Self {
        Self(text)
    }
}

impl<const TEMPLATED: bool> CallbackPath<TEMPLATED> {
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

impl<const TEMPLATED: bool> Setting for CallbackPath<TEMPLATED> {
    fn from_text(text: &str) -> Result<Self, String> {
        let path = text.parse::<PathAndQuery>();
        if !text.starts_with('/') || text.contains('#') || path.is_err() {
            return Err("must be a path that starts with '/', without spaces or '#'".to_owned());
        }
        match (TEMPLATED, text.matches(APPID).count()) {
            (true, 1) | (false, 0) => Ok(Self(text.to_owned())),
            (true, _) => {
                Err(format!("must contain {APPID} exactly once: WeChat puts the authorizer's appid there"))
            }
            (false, _) => Err(format!("must not contain {APPID}: events name their authorizer inside")),
        }
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

/// Reports each path, by its key, that could be the same request as one before it. Components may share an event URL: what a push is sealed
/// with tells whose it is.
pub(super) fn check_all(paths: &[(String, &str)], report: &Report) {
    for (nth, (key, path)) in paths.iter().enumerate() {
        let collides = |other: &str| overlap(path, other) && !is_shared(path, other);
        if let Some((other, _)) = paths[..nth].iter().find(|(_, other)| collides(other)) {
            report.problem(
                key.clone(),
                &report.origin_of(key),
                format!("can mean the same request as {other}; only equal event paths may be shared"),
            );
        }
    }
}

/// Whether both are the same event path.
fn is_shared(one: &str, other: &str) -> bool {
    one == other && !one.contains(APPID)
}

/// Whether some request fits both paths.
fn overlap(one: &str, other: &str) -> bool {
    match (one.split_once(APPID), other.split_once(APPID)) {
        (None, None) => one == other,
        (None, Some(template)) => fits(one, template),
        (Some(template), None) => fits(other, template),
        (Some((one_before, one_after)), Some((other_before, other_after))) => {
            differ_by_appid(one_before, other_before, str::strip_prefix)
                && differ_by_appid(one_after, other_after, str::strip_suffix)
        }
    }
}

fn fits(path: &str, (before, after): (&str, &str)) -> bool {
    let appid = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    appid.is_some_and(|appid| !appid.is_empty() && could_be_appid(appid))
}

/// Whether the longer text is the shorter one with something beside it that an appid could hold.
fn differ_by_appid<'t>(one: &'t str, other: &'t str, strip: fn(&'t str, &'t str) -> Option<&'t str>) -> bool {
    strip(one, other).or_else(|| strip(other, one)).is_some_and(could_be_appid)
}

fn could_be_appid(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_overlap_only_if_one_request_fits_both() {
        for (one, other, expected) in [
            ("/a/events", "/a/events", true),
            ("/a/events", "/b/events", false),
            ("/a/m/$APPID$", "/a/m/$APPID$", true),
            ("/a/m/$APPID$", "/b/m/$APPID$", false),
            ("/a/$APPID$", "/a/$APPID$/callback", false),
            ("/a/$APPID$", "/a/wx$APPID$", true),
            ("/a/events", "/a/$APPID$", true),
            ("/a/b/events", "/a/$APPID$", false),
            ("/a?to=$APPID$", "/a", false),
        ] {
            assert_eq!(overlap(one, other), expected, "{one} and {other}");
            assert_eq!(overlap(other, one), expected, "{other} and {one}");
        }
    }
}
