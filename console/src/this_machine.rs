//! Whether a caller without a key is on this machine and asks for himself: not for another machine, and not for a page that
//! a browser shows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderName},
};

/// Where the page is from that makes a browser ask (Fetch Metadata). Programs do not send it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a caller is not answered at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The connection comes from another machine. The socket decides, never a header: anybody can write headers.
    #[error(
        "until the first API key is made, only connections from this machine's loopback address are answered; make one with `mandate api-key create`"
    )]
    Peer,
    /// The request was passed on: behind a proxy on this machine may be the internet.
    #[error(
        "until the first API key is made, requests that a proxy passes on are not answered; ask directly, or make a key with `mandate api-key create`"
    )]
    Forwarded,
    /// The request is for another host name. A name that points to 127.0.0.1 is how a web page on the internet gets a
    /// browser on this machine to ask for it (DNS rebinding).
    #[error(
        "until the first API key is made, the Host must be localhost or a loopback address such as 127.0.0.1 or [::1]"
    )]
    Host,
    /// A browser asks for a page that is not of this machine.
    #[error("the Origin is not this machine: pages of other sites may not use this API")]
    Origin,
    /// A browser asks for a page that is not of this API.
    #[error("Sec-Fetch-Site names another site: pages of other sites may not use this API without a key")]
    OtherSite,
}

/// Lets in who asks from this machine, for this machine, for himself.
///
/// # Errors
///
/// [`Refused`].
pub(crate) fn check(request: &HttpRequest) -> Result<(), Refused> {
    if !request.peer_addr().is_some_and(is_loopback) {
        return Err(Refused::Peer);
    }
    if request.headers().keys().any(is_of_a_proxy) {
        return Err(Refused::Forwarded);
    }
    // A request line with a whole address takes precedence over the header, so both must be right.
    let named = request.uri().authority().is_none_or(|authority| is_local_host(authority.as_str()));
    if !named || !all(request.headers(), &header::HOST, is_local_host) {
        return Err(Refused::Host);
    }
    if !all(request.headers(), &header::ORIGIN, is_local_origin) {
        return Err(Refused::Origin);
    }
    // Pages of other ports of this machine, too: they may be another user's.
    let is_own = |value: &str| matches!(value, "same-origin" | "none");
    if !all(request.headers(), &SEC_FETCH_SITE, is_own) {
        return Err(Refused::OtherSite);
    }
    Ok(())
}

/// Whether a header says that somebody passes the request on: then its peer is not who asks.
fn is_of_a_proxy(name: &HeaderName) -> bool {
    let name = name.as_str();
    let prefixes = ["x-forwarded", "x-original-", "x-envoy-", "x-proxy", "cf-", "proxy-"];
    let names = [
        "ali-cdn-real-ip",
        "cdn-loop",
        "cdn-src-ip",
        "client-ip",
        "fastly-client-ip",
        "forwarded",
        "forwarded-for",
        "true-client-ip",
        "via",
        "wl-proxy-client-ip",
        "x-appengine-user-ip",
        "x-azure-clientip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-host",
        "x-real-ip",
        "x-remote-addr",
        "x-remote-ip",
        "x-rewrite-url",
    ];
    names.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

fn all(headers: &HeaderMap, name: &HeaderName, accepts: impl Fn(&str) -> bool) -> bool {
    headers.get_all(name).all(|value| value.to_str().is_ok_and(&accepts))
}

/// A listener for both families sees an IPv4 peer as `::ffff:127.0.0.1`.
fn is_loopback(peer: SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback()
}

/// `localhost` or a loopback address, with or without a port.
fn is_local_host(authority: &str) -> bool {
    let (host, port) = split_port(authority);
    let is_local = || literal(host).is_some_and(|address| address.to_canonical().is_loopback());
    is_port(port) && (host.eq_ignore_ascii_case("localhost") || is_local())
}

/// A colon within brackets belongs to an IPv6 address.
fn split_port(authority: &str) -> (&str, &str) {
    let end = if authority.starts_with('[') {
        authority.find(']').map_or(0, |bracket| bracket + 1)
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    authority.split_at(end)
}

fn literal(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::from),
    }
}

/// Nothing, or a colon and perhaps a number.
fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
}

fn is_local_origin(origin: &str) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(is_local_host)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn from(peer: &str) -> TestRequest {
        TestRequest::default().peer_addr(peer.parse().expect("an address"))
    }

    #[test]
    fn the_socket_says_who_asks() {
        for peer in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(check(&from(peer).to_http_request()), Ok(()), "{peer}");
        }
        for peer in
            ["10.0.0.1:1", "0.0.0.0:1", "[::]:1", "[::ffff:10.0.0.1]:1", "[fe80::1]:1", "[::127.0.0.1]:1"]
        {
            assert_eq!(check(&from(peer).to_http_request()), Err(Refused::Peer), "{peer}");
        }
        assert_eq!(check(&TestRequest::default().to_http_request()), Err(Refused::Peer));
    }

    #[test]
    fn whoever_is_behind_a_proxy_is_not_on_this_machine() {
        let names = ["X-Forwarded-For", "X-Forwarded-Host", "x-forwarded-proto", "X-Forwarded", "Forwarded"];
        let others = ["X-Real-IP", "Via", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP", "CDN-Loop"];
        for name in names.into_iter().chain(others).chain(["X-Original-URL", "Forwarded-For", "Client-IP"]) {
            for value in ["127.0.0.1", "for=127.0.0.1", "", "localhost"] {
                let request = from("127.0.0.1:1").insert_header((name, value)).to_http_request();
                assert_eq!(check(&request), Err(Refused::Forwarded), "{name}: {value}");
            }
        }
        for name in ["accept", "user-agent", "x-request-id", "traceparent", "viable"] {
            let request = from("127.0.0.1:1").insert_header((name, "x")).to_http_request();
            assert_eq!(check(&request), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_browser_asks_for_a_page_of_this_api_or_for_its_user_alone() {
        let site =
            |value: &str| from("127.0.0.1:1").insert_header(("sec-fetch-site", value)).to_http_request();
        for own in ["same-origin", "none"] {
            assert_eq!(check(&site(own)), Ok(()), "{own}");
        }
        for other in ["cross-site", "same-site", "Cross-Site", "", "none, cross-site", "x"] {
            assert_eq!(check(&site(other)), Err(Refused::OtherSite), "{other:?}");
        }
        let twice = from("127.0.0.1:1").append_header(("sec-fetch-site", "none"));
        let twice = twice.append_header(("sec-fetch-site", "cross-site")).to_http_request();
        assert_eq!(check(&twice), Err(Refused::OtherSite));
    }

    #[test]
    fn no_header_makes_a_stranger_local() {
        for name in ["x-forwarded-for", "x-real-ip", "forwarded", "host", "origin"] {
            for value in ["127.0.0.1", "for=127.0.0.1", "http://localhost"] {
                let request = from("10.0.0.1:1").insert_header((name, value)).to_http_request();
                assert_eq!(check(&request), Err(Refused::Peer), "{name}: {value}");
            }
        }
    }

    #[test]
    fn the_host_is_this_machine_or_absent() {
        let local = ["localhost", "LocalHost:8081", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:8081"];
        for host in local.into_iter().chain(["[::ffff:127.0.0.1]:80", "localhost:"]) {
            let request = from("127.0.0.1:1").insert_header(("host", host)).to_http_request();
            assert_eq!(check(&request), Ok(()), "{host:?}");
        }
        let foreign = ["", "mandate.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1"];
        let odd =
            ["::1", "[::1", "[::1]x", "localhost:80x", "localhost@evil.example", "127.1", "0.0.0.0", "[::]"];
        for host in foreign.into_iter().chain(odd) {
            let request = from("127.0.0.1:1").insert_header(("host", host)).to_http_request();
            assert_eq!(check(&request), Err(Refused::Host), "{host:?}");
        }
    }

    #[test]
    fn every_name_that_a_request_gives_counts() {
        let twice = from("127.0.0.1:1")
            .append_header(("host", "localhost"))
            .append_header(("host", "evil.example"))
            .to_http_request();
        assert_eq!(check(&twice), Err(Refused::Host));
        let whole = from("127.0.0.1:1").uri("http://evil.example/api").insert_header(("host", "localhost"));
        assert_eq!(check(&whole.to_http_request()), Err(Refused::Host));
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let origin = |value| from("127.0.0.1:1").insert_header(("origin", value)).to_http_request();
        for local in ["http://localhost:8081", "https://127.0.0.1", "http://[::1]:3000"] {
            assert_eq!(check(&origin(local)), Ok(()), "{local}");
        }
        for foreign in
            ["null", "", "https://evil.example", "localhost", "file://localhost", "http://localhost.evil"]
        {
            assert_eq!(check(&origin(foreign)), Err(Refused::Origin), "{foreign}");
        }
    }
}
