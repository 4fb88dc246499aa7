//! Cookies that bind visits to their browser, one for each visit. Behind https they have the prefix `__Host-`, so that no other host
//! of the domain can set one.

use actix_web::http::{
    Uri,
    header::{COOKIE, HeaderMap},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use mandate_runtime::random;
use mandate_schema::Secret;
use ring::digest::{SHA256, digest};

const NAME: &str = "mandate_consent_";
/// Bytes of a visit's state that its cookie is named by.
const NAMED_BY: usize = 8;
/// Characters of a value.
const CHARACTERS: usize = 43;
/// How long a browser keeps a cookie: longer than any visit lives. In seconds.
const LIFE: u32 = 24 * 60 * 60;
/// Visits that a browser can have open. Older cookies go, or its requests would grow too large for a proxy.
const VISITS: usize = 8;

/// How cookies are named and limited at the pages' address.
pub(super) struct Cookies {
    prefix: String,
    attributes: String,
}

impl Cookies {
    /// Those of pages that browsers reach at `url`.
    pub(super) fn of(url: &str) -> Self {
        if url.starts_with("https://") {
            return Self { prefix: format!("__Host-{NAME}"), attributes: "; Path=/; Secure".to_owned() };
        }
        let base = url.parse::<Uri>().map(|uri| uri.path().trim_end_matches('/').to_owned());
        let attributes = format!("; Path={}/authorize", base.unwrap_or_default());
        Self { prefix: NAME.to_owned(), attributes }
    }

    /// The value of the cookie that the visit with this state gave, if it has the shape of ours.
    pub(super) fn find(&self, headers: &HeaderMap, state: &str) -> Option<Secret> {
        let name = self.name(state);
        let (_, value) = pairs(headers).find(|(found, _)| *found == name)?;
        let ours = value.len() == CHARACTERS
            && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        ours.then(|| Secret::new(value))
    }

    /// `Set-Cookie` lines: one for a new visit, and one for each of the oldest cookies, which expires it.
    pub(super) fn set(&self, headers: &HeaderMap, state: &str, value: &Secret) -> Vec<String> {
        let (name, attributes) = (self.name(state), &self.attributes);
        // Browsers send the oldest first (RFC 6265, 5.4).
        let held: Vec<&str> =
            pairs(headers).map(|(name, _)| name).filter(|name| self.is_ours(name)).collect();
        let surplus = held.iter().take((held.len() + 1).saturating_sub(VISITS));
        let drop = |name: &&str| line(name, "", 0, attributes);
        std::iter::once(line(&name, value.expose(), LIFE, attributes)).chain(surplus.map(drop)).collect()
    }

    fn name(&self, state: &str) -> String {
        let hash = digest(&SHA256, state.as_bytes());
        let suffix = URL_SAFE_NO_PAD.encode(&hash.as_ref()[..NAMED_BY]);
        format!("{}{suffix}", self.prefix)
    }

    fn is_ours(&self, name: &str) -> bool {
        name.strip_prefix(&self.prefix).is_some_and(|suffix| {
            suffix.len() <= 2 * NAMED_BY
                && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        })
    }
}

/// A random value of 256 bits.
pub(super) fn new_value() -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(random::bytes::<32>()))
}

/// `Lax`: the browser brings it along when `WeChat`'s page sends it back, but not from within other pages.
fn line(name: &str, value: &str, life: u32, attributes: &str) -> String {
    format!("{name}={value}; Max-Age={life}; HttpOnly; SameSite=Lax{attributes}")
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let sent = headers.get_all(COOKIE).filter_map(|value| value.to_str().ok());
    sent.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

#[cfg(test)]
mod tests {
    use actix_web::{HttpRequest, test::TestRequest};

    use super::*;

    const HTTPS: &str = "https://auth.example.com";

    fn with(cookies: &str) -> HttpRequest {
        TestRequest::default().insert_header(("cookie", cookies.to_owned())).to_http_request()
    }

    #[test]
    fn a_cookie_is_found_among_others_and_has_our_shape() {
        let (cookies, value) = (Cookies::of(HTTPS), "a".repeat(CHARACTERS));
        let name = cookies.name("state");
        let sent = with(&format!("a=b; {name}={value}; c=d"));
        assert_eq!(cookies.find(sent.headers(), "state").unwrap().expose(), value);
        assert_eq!(cookies.find(sent.headers(), "other state"), None);
        let odd = format!("{name}={}\"", "a".repeat(CHARACTERS - 1));
        for bad in [String::new(), format!("{name}=short"), odd, format!("x{name}={value}"), name.clone()] {
            assert_eq!(cookies.find(with(&bad).headers(), "state"), None, "{bad:?}");
        }
    }

    #[test]
    fn behind_https_no_other_host_can_set_one() {
        for url in [HTTPS, "https://auth.example.com/base", "https://auth.example.com:8443"] {
            let lines = Cookies::of(url).set(with("").headers(), "state", &Secret::new("v"));
            let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
            assert!(line.starts_with("__Host-mandate_consent_"), "{line}");
            assert!(line.ends_with("; HttpOnly; SameSite=Lax; Path=/; Secure"), "{line}");
            assert!(!line.to_lowercase().contains("domain"), "{line}");
        }
        for (url, path) in
            [("http://127.0.0.1:8082", "/authorize"), ("http://h.example/base", "/base/authorize")]
        {
            let line = Cookies::of(url).set(with("").headers(), "state", &Secret::new("v")).remove(0);
            assert!(line.starts_with("mandate_consent_"), "{line}");
            assert!(line.ends_with(&format!("; SameSite=Lax; Path={path}")), "{line}");
        }
    }

    #[test]
    fn a_browser_keeps_the_cookies_of_its_last_visits() {
        let cookies = Cookies::of(HTTPS);
        let mut held: Vec<String> = vec!["other=1".to_owned()];
        for visit in 0..20 {
            let state = format!("state {visit}");
            let lines = cookies.set(with(&held.join("; ")).headers(), &state, &new_value());
            let (name, _) = lines[0].split_once('=').unwrap();
            held.push(format!("{name}=v"));
            for dropped in &lines[1..] {
                let (name, rest) = dropped.split_once('=').unwrap();
                assert!(rest.starts_with("; Max-Age=0; "), "{dropped}");
                held.retain(|pair| !pair.starts_with(name));
            }
            assert_eq!(held.len(), 1 + (visit + 1).min(VISITS), "{held:?}");
            assert!(held.last().unwrap().starts_with(&cookies.name(&state)));
        }
        assert_eq!(held[0], "other=1");
    }
}
