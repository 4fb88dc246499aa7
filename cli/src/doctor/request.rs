//! A captured request, taken apart step by step: which of them fails, and why.

use mandate_ingress::Settings;
use mandate_schema::ComponentId;
use mandate_wechat::{
    envelope::{CallbackQuery, EnvelopeError, KeyRing},
    push::{self, Content, GenuinePush},
};

use super::Finding;

/// What a request was captured as.
struct Captured<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    length: Option<usize>,
    body: &'a [u8],
}

const STEPS: [&str; 6] = ["request", "URL", "envelope", "signature", "key", "content"];
const TOKEN: &str = "Copy the message check token (消息校验 Token) from WeChat's console to `token` of the component, keep the former pair in \
     `previous`, and restart. If the tokens are the same, something between WeChat and ingress changes the query or the body.";
const KEY: &str = "Copy the EncodingAESKey (消息加解密 Key) from WeChat's console to `encoding_aes_key`, keep the former pair in \
     `previous`, and restart.";
const APPID: &str = "Set app_id to the component whose console has this URL, or correct the URL there.";
const BROKEN: &str = "Something between WeChat and ingress changes the request, or it was not captured as it came: compare it with the log \
     of the proxy. Body and query must pass unchanged.";

/// The steps of a request, up to the first that fails.
pub(crate) fn examine(raw: &[u8], settings: &Settings) -> Vec<Finding> {
    let mut passed = Vec::new();
    match steps(raw, settings, &mut passed) {
        Ok(()) => passed,
        Err(failed) => {
            let reached = STEPS.iter().position(|step| *step == failed.check).unwrap_or(STEPS.len());
            passed.push(failed);
            passed.extend(
                STEPS[(reached + 1).min(STEPS.len())..]
                    .iter()
                    .map(|step| Finding::skipped(step, "not reached")),
            );
            passed
        }
    }
}

fn steps(raw: &[u8], settings: &Settings, passed: &mut Vec<Finding>) -> Result<(), Finding> {
    let request = captured(raw)?;
    let Captured { method, path, query, body, .. } = request;
    passed.push(Finding::ok("request", format!("{method} {path} with {} bytes", body.len())));
    let route = settings.routes.find(path, query).ok_or_else(|| {
        let cure =
            "Set event_path and message_path to the paths in WeChat's console, or the console to these.";
        Finding::failed("URL", format!("{path} belongs to no component"), cure)
    })?;
    let names = route.components.iter().map(ComponentId::as_str).collect::<Vec<_>>().join(", ");
    passed.push(Finding::ok("URL", format!("{:?} URL of {names}", route.kind)));
    let rings: Vec<&KeyRing> =
        settings.rings.iter().filter(|ring| route.components.contains(ring.component())).collect();
    let opened = CallbackQuery::parse(query).and_then(|query| {
        let open = |ring: &&KeyRing| push::open(ring, &query, body, route.authorizer.as_ref());
        let mut results = rings.iter().map(open);
        let first = results.next().unwrap_or(Err(EnvelopeError::BadSignature));
        // Of several components the one whose steps pass furthest is the likely one.
        results.fold(first, |best, next| if rank(&next) > rank(&best) { next } else { best })
    });
    match opened {
        Ok(push) => {
            for step in ["envelope", "signature", "key"] {
                passed.push(Finding::ok(step, "fits"));
            }
            content(&push, passed)
        }
        Err(error) => {
            let failed = of_envelope(&error);
            for step in ["envelope", "signature", "key"].into_iter().take_while(|step| *step != failed.check)
            {
                passed.push(Finding::ok(step, "fits"));
            }
            Err(failed)
        }
    }
}

/// How far opening came.
fn rank(result: &Result<GenuinePush, EnvelopeError>) -> usize {
    match result {
        Ok(_) => STEPS.len(),
        Err(error) => STEPS.iter().position(|step| *step == of_envelope(error).check).unwrap_or(0),
    }
}

fn of_envelope(error: &EnvelopeError) -> Finding {
    match error {
        EnvelopeError::MissingParameter(_)
        | EnvelopeError::NotEncrypted
        | EnvelopeError::MalformedEnvelope
        | EnvelopeError::MissingEncrypt => Finding::failed("envelope", error, BROKEN),
        EnvelopeError::BadSignature => {
            Finding::failed("signature", "the token differs from the one in WeChat's console", TOKEN)
        }
        EnvelopeError::WrongAppId => Finding::failed("key", error, APPID),
        EnvelopeError::BadKey
        | EnvelopeError::BadBase64
        | EnvelopeError::BadBlockLength
        | EnvelopeError::BadPadding
        | EnvelopeError::TooShort
        | EnvelopeError::BadLength
        | EnvelopeError::DecryptFailed { .. } => {
            let found = format!("the EncodingAESKey differs from the one in WeChat's console ({error})");
            Finding::failed("key", found, KEY)
        }
    }
}

fn content(push: &GenuinePush, passed: &mut Vec<Finding>) -> Result<(), Finding> {
    match &push.content {
        Ok(Content::Callback(_)) => {
            passed.push(Finding::ok("content", format!("a callback, id {}", push.id)));
        }
        Ok(Content::Message(_)) => {
            passed.push(Finding::ok("content", format!("a message, id {}", push.id)));
        }
        Err(bad) => {
            let cure = format!("`mandate explain {}` says what to do.", bad.reason());
            return Err(Finding::failed("content", bad, cure));
        }
    }
    Ok(())
}

/// Reads a request as it goes over the wire. Lines may end in one character: editors change them.
fn captured(raw: &[u8]) -> Result<Captured<'_>, Finding> {
    let broken = |why: &str| {
        Finding::failed(
            "request",
            why,
            "Capture head and body as they came, such as by `tcpdump -A` or the proxy's log.",
        )
    };
    let cut =
        |mark: &[u8]| raw.windows(mark.len()).position(|part| part == mark).map(|at| (at, at + mark.len()));
    let (end, start) = cut(b"\r\n\r\n")
        .or_else(|| cut(b"\n\n"))
        .ok_or_else(|| broken("there is no empty line between head and body"))?;
    let head = std::str::from_utf8(&raw[..end]).map_err(|_| broken("the head is not text"))?;
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(broken("the first line is not that of a request, such as: POST /path?query HTTP/1.1"));
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, value)| value.trim().parse().ok());
    let body = &raw[start..];
    let body = length.and_then(|length| body.get(..length)).unwrap_or(body);
    let request = Captured { method, path, query, length, body };
    if request.length.is_some_and(|length| length > body.len()) {
        return Err(broken("the body is shorter than Content-Length says"));
    }
    if method != "POST" {
        return Err(Finding::failed(
            "request",
            format!("the method is {method}"),
            "WeChat uses POST: this request did not come from WeChat.",
        ));
    }
    Ok(request)
}
