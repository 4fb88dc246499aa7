//! The head of a request, read before there is any HTTP state: where it ends, what body follows, whether more may follow.

use actix_web::{
    http::{StatusCode, Uri},
    web::BytesMut,
};
use httparse::{EMPTY_HEADER, Header, Request, Status};

/// The longest head, in bytes.
pub(super) const HEAD_MAX: usize = 16 << 10;
/// Headers of one request.
const HEADERS_MAX: usize = 96;

/// The head of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Its bytes at the start of the buffer.
    pub(super) len: usize,
    pub(super) body: BodyKind,
    /// What may follow on the connection.
    pub(super) after: After,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub(super) expects: Expects,
    /// The head without what is between the client and us (how the body is sent, what becomes of the connection), and without
    /// its last line. Only where actix must not see what was sent.
    rest: Option<Vec<u8>>,
}

/// How the body of a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyKind {
    Nothing,
    Length(u64),
    Chunked,
}

/// What may follow a request on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Another request.
    Next,
    /// Nothing: the client said so, or is not one that behaves.
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expects {
    Nothing,
    Continue,
}

impl Head {
    /// Parses the head at the start of a buffer. `None`: it is not complete yet.
    ///
    /// # Errors
    ///
    /// The status to answer with: this is no HTTP/1, or two readers could understand it differently (RFC 9112, 6.3).
    pub(super) fn parse(buffer: &[u8]) -> Result<Option<Self>, StatusCode> {
        let mut headers = [EMPTY_HEADER; HEADERS_MAX];
        let mut request = Request::new(&mut headers);
        let len = match request.parse(buffer) {
            Ok(Status::Complete(len)) if len <= HEAD_MAX => len,
            Ok(Status::Partial) if buffer.len() < HEAD_MAX => return Ok(None),
            Ok(Status::Complete(_) | Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
            }
            Err(_) => return Err(StatusCode::BAD_REQUEST),
        };
        let is_current = request.version == Some(1);
        check(&request, is_current)?;
        let body = body_kind(request.headers, is_current)?;
        if body == BodyKind::Nothing
            && !is_current
            && request.method == Some("POST")
            && !has(&request, "content-length")
        {
            return Err(StatusCode::BAD_REQUEST); // its body would end with the connection
        }
        let is_last = has_token(request.headers, "connection", "close")
            || has_token(request.headers, "connection", "upgrade");
        let after = match body {
            BodyKind::Nothing | BodyKind::Length(_) if is_current && !is_last => After::Next,
            BodyKind::Nothing | BodyKind::Length(_) | BodyKind::Chunked => After::Close,
        };
        let expects = match body {
            BodyKind::Length(1..) | BodyKind::Chunked
                if is_current && has_token(request.headers, "expect", "100-continue") =>
            {
                Expects::Continue
            }
            BodyKind::Nothing | BodyKind::Length(_) | BodyKind::Chunked => Expects::Nothing,
        };
        // actix believes a request with `Upgrade` to have a body that never ends.
        let differs = body == BodyKind::Chunked || expects == Expects::Continue || has(&request, "upgrade");
        let rest = differs.then(|| rest(&request));
        Ok(Some(Self { len, body, after, expects, rest }))
    }

    /// The head of a request without a body.
    pub(super) fn alone(&self, sent: BytesMut) -> BytesMut {
        match &self.rest {
            None => sent,
            Some(rest) => BytesMut::from(&[rest, &b"\r\n"[..]].concat()[..]),
        }
    }

    /// The head that announces a body of this length, which is here already.
    pub(super) fn with_length(&self, sent: BytesMut, length: usize) -> BytesMut {
        match &self.rest {
            None => sent,
            Some(rest) => {
                let mut head = BytesMut::from(&rest[..]);
                head.extend_from_slice(format!("content-length: {length}\r\n\r\n").as_bytes());
                head
            }
        }
    }

    /// The head that announces a body that is still on its way.
    pub(super) fn for_stream(&self, sent: BytesMut) -> BytesMut {
        let Some(rest) = &self.rest else { return sent };
        let framing = match (self.body, self.expects) {
            (BodyKind::Length(length), Expects::Nothing) => format!("content-length: {length}\r\n\r\n"),
            // actix invites the client when the handler wants the body.
            (BodyKind::Length(length), Expects::Continue) => {
                format!("content-length: {length}\r\nexpect: 100-continue\r\n\r\n")
            }
            (BodyKind::Nothing | BodyKind::Chunked, _) => "transfer-encoding: chunked\r\n\r\n".to_owned(),
        };
        BytesMut::from(&[&rest[..], framing.as_bytes()].concat()[..])
    }
}

/// What actix would refuse, with a line of the log for each, we refuse.
fn check(request: &Request<'_, '_>, is_current: bool) -> Result<(), StatusCode> {
    let hosts = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("host")).count();
    let target = request.path.unwrap_or_default();
    if request.method == Some("CONNECT") {
        Err(StatusCode::METHOD_NOT_ALLOWED)
    } else if hosts > 1 || (is_current && hosts == 0) || Uri::try_from(target).is_err() {
        Err(StatusCode::BAD_REQUEST)
    } else {
        Ok(())
    }
}

fn has(request: &Request<'_, '_>, name: &str) -> bool {
    request.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name))
}

fn body_kind(headers: &[Header<'_>], is_current: bool) -> Result<BodyKind, StatusCode> {
    let mut length = None;
    let mut is_chunked = false;
    for header in headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            if length.replace(parse_length(header.value)?).is_some() {
                return Err(StatusCode::BAD_REQUEST);
            }
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if is_chunked || !is_current {
                return Err(StatusCode::BAD_REQUEST);
            }
            if !header.value.eq_ignore_ascii_case(b"chunked") {
                return Err(StatusCode::NOT_IMPLEMENTED);
            }
            is_chunked = true;
        }
    }
    match (length, is_chunked) {
        (Some(_), true) => Err(StatusCode::BAD_REQUEST),
        (None, true) => Ok(BodyKind::Chunked),
        (None | Some(0), false) => Ok(BodyKind::Nothing),
        (Some(length), false) => Ok(BodyKind::Length(length)),
    }
}

/// Digits alone: `+5` and `5, 5` are what two readers understand differently.
fn parse_length(value: &[u8]) -> Result<u64, StatusCode> {
    let text = std::str::from_utf8(value).ok();
    let digits = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).ok_or(StatusCode::BAD_REQUEST)
}

fn has_token(headers: &[Header<'_>], name: &str, token: &str) -> bool {
    let named = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    named
        .filter_map(|header| std::str::from_utf8(header.value).ok())
        .any(|value| value.split(',').any(|listed| listed.trim().eq_ignore_ascii_case(token)))
}

fn rest(request: &Request<'_, '_>) -> Vec<u8> {
    let (method, path) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    let mut rest = format!("{method} {path} HTTP/1.{}\r\n", request.version.unwrap_or_default()).into_bytes();
    let ours = ["connection", "content-length", "expect", "transfer-encoding", "upgrade"];
    for header in request.headers.iter() {
        if !ours.iter().any(|name| header.name.eq_ignore_ascii_case(name)) {
            rest.extend_from_slice(header.name.as_bytes());
            rest.extend_from_slice(b": ");
            rest.extend_from_slice(header.value);
            rest.extend_from_slice(b"\r\n");
        }
    }
    rest
}

/// Whether a head may end within the bytes from `from` on, so that parsing again is worth it.
pub(super) fn may_end(buffer: &[u8], from: usize) -> bool {
    let start = from.saturating_sub(3);
    let new = &buffer[start..];
    new.windows(2).any(|pair| pair == b"\n\n") || new.windows(3).any(|three| three == b"\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Head {
        Head::parse(text.as_bytes()).expect("a head").expect("all of it")
    }

    fn refused(text: &str) -> StatusCode {
        Head::parse(text.as_bytes()).expect_err("no head")
    }

    #[test]
    fn a_head_says_what_body_follows() {
        for (lines, body) in [
            ("", BodyKind::Nothing),
            ("Content-Length: 0\r\n", BodyKind::Nothing),
            ("content-length: 17\r\n", BodyKind::Length(17)),
            ("Transfer-Encoding: Chunked\r\n", BodyKind::Chunked),
        ] {
            assert_eq!(parse(&format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\n")).body, body, "{lines}");
        }
    }

    #[test]
    fn only_clients_that_behave_are_kept() {
        for (text, after) in [
            ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", After::Next),
            (
                "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n",
                After::Next,
            ),
            ("GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Close\r\n\r\n", After::Close),
            ("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", After::Close),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", After::Close),
            ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", After::Close),
        ] {
            assert_eq!(parse(text).after, after, "{text}");
        }
    }

    #[test]
    fn what_two_readers_understand_differently_is_refused() {
        let (bad, unknown) = (StatusCode::BAD_REQUEST, StatusCode::NOT_IMPLEMENTED);
        for (lines, status) in [
            ("Content-Length: 5\r\nContent-Length: 5\r\n", bad),
            ("Content-Length: +5\r\n", bad),
            ("Content-Length: 5, 5\r\n", bad),
            ("Content-Length: -1\r\n", bad),
            ("Content-Length: 0x5\r\n", bad),
            ("Content-Length: 99999999999999999999\r\n", bad),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", bad),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", bad),
            ("Transfer-Encoding: gzip, chunked\r\n", unknown),
            ("Transfer-Encoding: identity\r\n", unknown),
        ] {
            assert_eq!(refused(&format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\n")), status, "{lines}");
        }
        for text in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
            "GET /<> HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n",
            "POST / HTTP/1.0\r\n\r\n",
        ] {
            assert_eq!(refused(text), bad, "{text}");
        }
        assert_eq!(refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), bad);
        assert_eq!(refused("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n"), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(refused("\u{16}\u{3}\u{1}\u{2}"), bad, "TLS on a port without it");
    }

    #[test]
    fn a_head_is_complete_or_too_long() {
        let text = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "x".repeat(1_000));
        for len in 0..text.len() {
            assert_eq!(Head::parse(&text.as_bytes()[..len]), Ok(None), "{len}");
        }
        assert_eq!(parse(&format!("{text}more")).len, text.len());
        let too_large = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        assert_eq!(refused(&format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(HEAD_MAX))), too_large);
        assert_eq!(
            refused(&format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(HEADERS_MAX + 1))),
            too_large
        );
    }

    #[test]
    fn a_body_that_is_here_is_announced_with_its_length() {
        let text =
            "POST /p?q HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n";
        let head = parse(text);
        assert_eq!(head.expects, Expects::Continue);
        assert_eq!(
            &head.with_length(BytesMut::new(), 12)[..],
            b"POST /p?q HTTP/1.1\r\nHost: h\r\ncontent-length: 12\r\n\r\n"
        );
        assert_eq!(
            &head.for_stream(BytesMut::new())[..],
            b"POST /p?q HTTP/1.1\r\nHost: h\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        let text = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n";
        assert_eq!(&parse(text).with_length(BytesMut::from(text), 3)[..], text.as_bytes());
    }

    #[test]
    fn nobody_behind_us_sees_an_upgrade() {
        let lines = "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
        let bare = &b"POST / HTTP/1.1\r\nHost: h\r\n"[..];
        let with = |end: &str| [bare, end.as_bytes()].concat();
        let empty = BytesMut::new;
        let head = parse(&format!("POST / HTTP/1.1\r\n{lines}\r\n"));
        assert_eq!(&head.alone(empty())[..], with("\r\n"));
        let head = parse(&format!("POST / HTTP/1.1\r\n{lines}Content-Length: 3\r\n\r\n"));
        assert_eq!(&head.with_length(empty(), 3)[..], with("content-length: 3\r\n\r\n"));
        assert_eq!(&head.for_stream(empty())[..], with("content-length: 3\r\n\r\n"));
    }

    #[test]
    fn a_head_ends_with_an_empty_line() {
        assert!(may_end(b"GET / HTTP/1.1\r\n\r\n", 17) && may_end(b"GET / HTTP/1.1\n\n", 0));
        assert!(!may_end(b"GET / HTTP/1.1\r\nX: y\r\n", 0));
    }
}
