//! Problem documents (RFC 9457): the one form of every refusal and failure, in the language of the caller.

mod code;
mod table;

use actix_web::{
    Error, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{self, HeaderValue},
    middleware::Next,
    web,
};
use mandate_runtime::language::Language;
use mandate_wechat::errors;
use serde::Serialize;

use crate::{ApiError, query::Query};

pub use code::Code;

/// The media type of a problem document.
const CONTENT_TYPE: &str = "application/problem+json";

/// What is the same for all problems of one code; the body of `GET /api/v1/problems/{code}`.
#[derive(Clone, Debug, Serialize)]
pub struct AboutCode {
    /// Its name.
    pub code: &'static str,
    /// The HTTP status that goes with it.
    pub status: u16,
    /// What it means.
    pub title: &'static str,
    /// What to do about it.
    pub cure: &'static str,
}

/// The body of an error's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Address of a page about the code, on this server.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the code means.
    pub title: &'static str,
    /// The HTTP status, repeated.
    pub status: u16,
    /// What is wrong with this request, in English. It repeats names and ids, never a value that could be a secret.
    pub detail: String,
    /// The code.
    pub code: Code,
    /// What to do about it.
    pub cure: &'static str,
    /// What `WeChat` said, if it said no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Upstream>,
}

/// `WeChat`'s refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Upstream {
    /// Its error number.
    pub errcode: i64,
    /// Its words.
    pub errmsg: String,
    /// Its id of the request.
    pub rid: Option<String>,
    /// What the number means, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<&'static str>,
    /// What to do about it, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<&'static str>,
}

impl Upstream {
    /// A refusal, explained in English.
    pub(crate) fn new(errcode: i64, errmsg: String, rid: Option<String>) -> Self {
        Self { errcode, errmsg, rid, meaning: None, cure: None }.in_language(Language::English)
    }

    fn in_language(self, language: Language) -> Self {
        let entry = errors::lookup(self.errcode);
        let meaning = entry.map(|entry| language.pick(entry.meaning, entry.meaning_zh));
        let cure = entry.map(|entry| language.pick(entry.cure(), entry.cure_zh()));
        Self { meaning, cure, ..self }
    }
}

impl Problem {
    /// The problem document of a code, in English.
    pub fn new(code: Code, detail: String) -> Self {
        let AboutCode { status, title, cure, code: name } = code.about(Language::English);
        let kind = format!("/api/v1/problems/{name}");
        Self { kind, title, status, detail, code, cure, upstream: None }
    }

    /// The same in another language; what is about this very request stays in English.
    fn in_language(self, language: Language) -> Self {
        let AboutCode { title, cure, .. } = self.code.about(language);
        let upstream = self.upstream.map(|upstream| upstream.in_language(language));
        Self { title, cure, upstream, ..self }
    }

    /// The answer with this document as its body. Problems are about one moment, so nobody may keep them.
    pub(crate) fn answer(self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.code.status())
            .content_type(CONTENT_TYPE)
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .json(&self);
        answer.extensions_mut().insert(self);
        answer
    }
}

/// The language that a request asks for; English unless it prefers Chinese.
fn language(request: &HttpRequest) -> Language {
    let wanted = request.headers().get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    wanted.and_then(|wanted| Language::of_accept(wanted, Language::English)).unwrap_or_default()
}

/// Puts a problem into the language of the caller.
///
/// # Errors
///
/// Those of the service behind it.
pub(crate) async fn in_language<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let mut answer = next.call(request).await?.map_into_boxed_body();
    let language = language(answer.request());
    let problem = answer.response_mut().extensions_mut().remove::<Problem>();
    let Some(problem) = problem.filter(|_| language != Language::English) else { return Ok(answer) };
    let body = web::Bytes::from(serde_json::to_vec(&problem.in_language(language))?);
    let mut answer = answer.map_body(|_, _| BoxBody::new(body));
    say_language(answer.headers_mut(), language);
    Ok(answer)
}

fn say_language(headers: &mut header::HeaderMap, language: Language) {
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Language"));
}

/// `GET /problems/{code}`.
pub(crate) async fn show(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Query::read(&request, &[])?;
    let wanted = request.match_info().get("code");
    let code = Code::ALL.into_iter().find(|code| Some(code.as_str()) == wanted);
    let code = code.ok_or_else(|| ApiError::not_found("there is no such code"))?;
    let language = language(&request);
    let mut answer = HttpResponse::Ok().json(code.about(language));
    say_language(answer.headers_mut(), language);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_name_and_an_error_status_of_its_own_kind() {
        for (index, code) in Code::ALL.into_iter().enumerate() {
            let twins = Code::ALL.into_iter().filter(|other| other.as_str() == code.as_str()).count();
            assert_eq!(twins, 1, "{code:?}");
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{code:?}");
            assert_eq!(code as usize, index, "{code:?} is missing in ALL");
        }
    }

    #[test]
    fn every_code_is_explained_in_both_languages() {
        let is_chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        for code in Code::ALL {
            let [english, chinese] =
                [Language::English, Language::Chinese].map(|language| code.about(language));
            assert!(english.title.is_ascii() && english.cure.is_ascii(), "{code:?}");
            assert!(is_chinese(chinese.title) && is_chinese(chinese.cure), "{code:?}");
        }
    }

    #[test]
    fn a_problem_has_the_members_of_the_contract() {
        let problem = Problem::new(Code::LogReset, "why".to_owned());
        assert_eq!(
            serde_json::to_string(&problem).expect("plain"),
            r#"{"type":"/api/v1/problems/log_reset","title":"The position is not of this log","status":409,"detail":"why","code":"log_reset","cure":"The database was restored or replaced. Read again from the start (after=0) and take over the log_id of the answer."}"#
        );
    }
}
