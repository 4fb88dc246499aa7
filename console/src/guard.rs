//! Who may ask: callers with a key. While there is none at all, whoever is on this machine, and nobody else's web page.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use actix_web::{
    Error, HttpMessage, HttpRequest, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{self, HeaderMap, HeaderValue},
    },
    middleware::Next,
    web::Data,
};
use mandate_schema::{AuthorizerId, ComponentId, Scope};
use mandate_storage::Storage;
use mandate_worker::access::Caller;

use crate::{Api, ApiError};

/// Why a caller is not answered at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The connection comes from another machine. The socket decides, never a header: anybody can write headers.
    #[error(
        "while there are no API keys, only connections from this machine's loopback address are answered; make one with `mandate api-key create`"
    )]
    Peer,
    /// The request is for another host name. A name that points to 127.0.0.1 is how a web page on the internet gets a
    /// browser on this machine to ask for it (DNS rebinding).
    #[error(
        "while there are no API keys, the Host must be localhost or a loopback address such as 127.0.0.1 or [::1]"
    )]
    Host,
    /// A browser asks for a page that is not of this machine.
    #[error("the Origin is not this machine: pages of other sites may not use this API")]
    Origin,
}

/// Makes every answer one that nobody keeps or guesses the type of.
///
/// # Errors
///
/// Those of the service behind it.
pub(crate) async fn never_kept<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// Lets callers in who have a key; while there is none at all, whoever is on this machine. Handlers say what they want with
/// [`caller`].
///
/// # Errors
///
/// Those of the service behind it; a refusal is an answer.
pub(crate) async fn known_callers<S: Storage, B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let api = request.app_data::<Data<Api<S>>>().cloned().expect("the scope has it");
    let (caller, answer) = match identify(&api, request.request()).await {
        Ok(caller) => {
            let actor = caller.actor();
            request.extensions_mut().insert(caller);
            (actor, next.call(request).await?.map_into_boxed_body())
        }
        Err(error) => {
            let answer = error.error_response();
            ("nobody known".to_owned(), request.into_response(answer))
        }
    };
    Ok(note_refusal(&api, &caller, answer))
}

async fn identify<S: Storage>(api: &Api<S>, request: &HttpRequest) -> Result<Arc<Caller>, ApiError> {
    let access = &api.core.access;
    match bearer(request.headers()) {
        Some(key) => access.authenticate(key).await?.ok_or(ApiError::KeyNeeded),
        None if access.is_open().await? => {
            check(request)?;
            Ok(Arc::new(Caller::local()))
        }
        None => Err(ApiError::KeyNeeded),
    }
}

/// Notes a refusal in the audit trail; too many of one address are answered with 429 instead.
fn note_refusal<S: Storage>(
    api: &Api<S>,
    actor: &str,
    answer: ServiceResponse<BoxBody>,
) -> ServiceResponse<BoxBody> {
    let status = answer.status();
    if status != StatusCode::UNAUTHORIZED && status != StatusCode::FORBIDDEN {
        return answer;
    }
    let request = answer.request();
    let address = request.peer_addr().map(|peer| peer.ip());
    let what = format!("{} {}", request.method(), request.path());
    let why = status.canonical_reason().unwrap_or_default();
    match api.core.access.note_refusal(actor, address, &what, why) {
        None => {
            tracing::warn!(actor, address = ?address, status = status.as_u16(), "a request to the API was refused: {what}");
            answer
        }
        Some(wait) => {
            let refused = ApiError::TooManyRefusals { seconds: wait.as_secs() + 1 };
            let request = answer.into_parts().0;
            ServiceResponse::new(request, refused.error_response())
        }
    }
}

/// The text behind `Authorization: Bearer`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let sent = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = sent.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

/// Who asks, if the key opens this.
///
/// # Errors
///
/// [`ApiError::OutOfScope`].
pub(crate) fn caller(request: &HttpRequest, scope: Scope) -> Result<Arc<Caller>, ApiError> {
    let caller = request.extensions().get::<Arc<Caller>>().cloned().ok_or(ApiError::KeyNeeded)?;
    if caller.may(scope) { Ok(caller) } else { Err(ApiError::OutOfScope(scope)) }
}

/// Who asks, if the key opens this for a component, or for one account of it.
///
/// # Errors
///
/// [`ApiError::OutOfScope`], [`ApiError::OutOfReach`].
pub(crate) fn caller_for(
    request: &HttpRequest,
    scope: Scope,
    component: &ComponentId,
    authorizer: Option<&AuthorizerId>,
) -> Result<Arc<Caller>, ApiError> {
    let caller = caller(request, scope)?;
    if caller.covers(component, authorizer) { Ok(caller) } else { Err(ApiError::OutOfReach) }
}

fn check(request: &HttpRequest) -> Result<(), Refused> {
    if !request.peer_addr().is_some_and(is_loopback) {
        return Err(Refused::Peer);
    }
    // A request line with a whole address takes precedence over the header, so both must be right.
    let named = request.uri().authority().is_none_or(|authority| is_local_host(authority.as_str()));
    if !named || !all(request.headers(), &header::HOST, is_local_host) {
        return Err(Refused::Host);
    }
    if !all(request.headers(), &header::ORIGIN, is_local_origin) {
        return Err(Refused::Origin);
    }
    Ok(())
}

fn all(headers: &HeaderMap, name: &header::HeaderName, accepts: impl Fn(&str) -> bool) -> bool {
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
