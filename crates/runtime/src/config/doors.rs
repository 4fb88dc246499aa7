//! `[ingress]`, `[worker]`, `[simulator]`: where the parts listen, and what they know of each other.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use ipnet::IpNet;
use mandate_schema::Secret;

use super::{
    scalar::Setting,
    secret::visible,
    section::Section,
    tree::Scalar,
    types::{Bytes, Host, HttpUrl},
};
use crate::web::TrustedProxies;

/// `[ingress]`: `WeChat`'s door.
#[derive(Clone, Debug)]
pub struct Ingress {
    /// Where `WeChat`'s callbacks arrive, and nothing else.
    pub listen: SocketAddr,
    /// Where `/healthz`, `/readyz` and `/metrics` are served.
    pub admin_listen: SocketAddr,
    /// The journal's file.
    pub journal: PathBuf,
    /// How much may wait in the journal.
    pub journal_max: Bytes,
    /// The largest callback body that is read; at most 1 MiB.
    pub body_max: Bytes,
    /// Whose `X-Forwarded-For` is believed, on the listeners of every process.
    pub trusted_proxies: TrustedProxies,
    /// Connections that one address may have at once, over the listeners of a process; `None`: any number.
    pub connections_per_address: Option<u32>,
    /// The worker, which is asked which callbacks have an outcome; not needed in one process.
    pub settle_url: HttpUrl,
    /// The shared secret that opens that one question.
    pub settle_key: Option<Secret>,
}

impl Ingress {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let ingress = Self {
            listen: section.get("listen", everywhere(8080)),
            admin_listen: section.get("admin_listen", loopback(9080)),
            journal: section.get("journal", PathBuf::from("data/journal.db")),
            journal_max: section.get("journal_max", Bytes::gib(1)),
            body_max: section.get("body_max", BodyMax(Bytes::kib(256))).0,
            trusted_proxies: trusted_proxies(&mut section),
            connections_per_address: section.optional("connections_per_address"),
            settle_url: section.get("settle_url", url("http://127.0.0.1:8081")),
            settle_key: settle_key(&mut section),
        };
        section.finish();
        ingress
    }
}

fn trusted_proxies(section: &mut Section<'_>) -> TrustedProxies {
    let default = TrustedProxies::default().networks().to_vec();
    let networks: Vec<IpNet> = section.list_or("trusted_proxies", default);
    if networks.iter().any(|network| network.prefix_len() == 0) {
        let key = section.key("trusted_proxies");
        section.report.warning(format!(
            "{key} trusts every address: anybody can claim to be anybody; name the proxies"
        ));
    }
    TrustedProxies::new(networks)
}

/// The size of a body, within what `WeChat`'s envelopes can need: larger ones only help whoever wants our memory.
struct BodyMax(Bytes);

impl BodyMax {
    const LARGEST: Bytes = Bytes::kib(1_024);
}

impl Setting for BodyMax {
    fn from_text(text: &str) -> Result<Self, String> {
        match Bytes::from_text(text)? {
            size if size <= Self::LARGEST => Ok(Self(size)),
            _ => Err(format!("must not be larger than {}", Self::LARGEST)),
        }
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

/// How browsers reach the merchants' pages. It is part of each link, of the QR code of the link, and of the address that `WeChat`
/// sends merchants back to, none of which can be as long as one likes.
struct PublicUrl(HttpUrl);

impl PublicUrl {
    /// In bytes.
    const LONGEST: usize = 512;
}

impl Setting for PublicUrl {
    fn from_text(text: &str) -> Result<Self, String> {
        match HttpUrl::from_text(text)? {
            url if url.as_str().len() <= Self::LONGEST => Ok(Self(url)),
            _ => Err(format!("must not be longer than {} bytes", Self::LONGEST)),
        }
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

/// `[worker]`: the work, its console and API.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Where console, API and health are served.
    pub listen: SocketAddr,
    /// Where merchants' consent pages are served, and nothing else.
    pub public_listen: SocketAddr,
    /// How browsers reach `public_listen`.
    pub public_url: HttpUrl,
    /// The shared secret with ingress; required in both when there is a broker.
    pub settle_key: Option<Secret>,
    /// Whether a consent page can be opened without a prepared link.
    pub open_consent: bool,
    /// Hosts that a consent may lead on to.
    pub return_hosts: Vec<Host>,
    /// How long the audit trail is kept, in days.
    pub audit_days: u32,
    /// Tasks that call `WeChat` at once.
    pub calls: Calls,
    /// Paths of `WeChat`'s API that the proxy may call begin with one of these.
    pub proxy_prefixes: Vec<PathPrefix>,
}

/// How many tasks call `WeChat` at once: 2 to 1,024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calls(pub u32);

impl Calls {
    fn of(number: u32) -> Result<Self, String> {
        let bounded = Some(number).filter(|number| (2..=1_024).contains(number));
        bounded.map(Self).ok_or_else(|| "must be a number from 2 to 1024".to_owned())
    }
}

impl Setting for Calls {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::of(u32::from_text(text)?)
    }

    fn from_scalar(scalar: &Scalar) -> Result<Self, String> {
        Self::of(u32::from_scalar(scalar)?)
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// The beginning of a path: whole segments between slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPrefix(pub String);

impl PathPrefix {
    /// What accounts are acted for with.
    fn usual() -> Vec<Self> {
        [
            "/cgi-bin/",
            "/wxa/",
            "/datacube/",
            "/card/",
            "/customservice/",
            "/sns/component/",
            "/sns/oauth2/component/",
        ]
        .map(|prefix| Self(prefix.to_owned()))
        .to_vec()
    }
}

impl Setting for PathPrefix {
    fn from_text(text: &str) -> Result<Self, String> {
        let segments = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        let plain = |segment: &str| {
            !segment.is_empty()
                && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        match segments {
            Some(segments) if segments.split('/').all(plain) => Ok(Self(text.to_owned())),
            Some(_) | None => Err("must be the beginning of a path such as \"/cgi-bin/\"".to_owned()),
        }
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

impl Worker {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let worker = Self {
            listen: section.get("listen", loopback(8081)),
            public_listen: section.get("public_listen", everywhere(8082)),
            public_url: section.get("public_url", PublicUrl(url("http://127.0.0.1:8082"))).0,
            settle_key: settle_key(&mut section),
            open_consent: section.get("open_consent", false),
            return_hosts: section.list("return_hosts"),
            audit_days: section.get("audit_days", 400),
            calls: section.get("calls", Calls(64)),
            proxy_prefixes: section.list_or("proxy_prefixes", PathPrefix::usual()),
        };
        section.finish();
        worker
    }
}

/// `[simulator]`: `WeChat`'s side for development; credentials come from `[[component]]`.
#[derive(Clone, Debug)]
pub struct Simulator {
    /// Where the API, the consent pages and the control API are served.
    pub listen: SocketAddr,
    /// Where it pushes to; each component's paths are appended.
    pub push_base: HttpUrl,
}

impl Simulator {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let simulator = Self {
            listen: section.get("listen", loopback(8090)),
            push_base: section.get("push_base", url("http://127.0.0.1:8080")),
        };
        section.finish();
        simulator
    }
}

/// A settle key that is shorter than this can be guessed.
const SETTLE_KEY_CHARACTERS: usize = 16;

fn settle_key(section: &mut Section<'_>) -> Option<Secret> {
    let key = section.secret("settle_key", visible);
    if key.as_ref().is_some_and(|key| key.expose().len() < SETTLE_KEY_CHARACTERS) {
        let key = section.key("settle_key");
        section
            .report
            .warning(format!("{key} has fewer than {SETTLE_KEY_CHARACTERS} characters and can be guessed"));
    }
    key
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

fn everywhere(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)
}

/// A default address.
pub(super) fn url(text: &str) -> HttpUrl {
    HttpUrl::from_text(text).expect("our own defaults are addresses")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_may_have_one_mebibyte_and_not_a_byte_more() {
        for (text, size) in [("256KiB", 256 << 10), ("1MiB", 1 << 20)] {
            assert_eq!(BodyMax::from_text(text).map(|size| size.0), Ok(Bytes(size)));
        }
        for bad in ["1048577B", "2MiB", "1GiB"] {
            let problem = BodyMax::from_text(bad).err();
            assert_eq!(problem.as_deref(), Some("must not be larger than 1MiB"), "{bad}");
        }
    }

    #[test]
    fn a_public_url_has_512_bytes_and_not_one_more() {
        let of =
            |length: usize| format!("https://h.example/{}", "p".repeat(length - "https://h.example/".len()));
        let read = |text: &str| PublicUrl::from_text(text).map(|url| url.0.as_str().len());
        assert_eq!(read(&of(512)), Ok(512));
        assert_eq!(read(&(of(512) + "/")), Ok(512), "a slash at the end does not count");
        for length in [513, 2_331, 2_332, 60_000] {
            assert_eq!(read(&of(length)), Err("must not be longer than 512 bytes".to_owned()), "{length}");
        }
    }
}
