//! The page at `/`, for a person who opens the port in a browser. It holds nothing of anybody's.

use actix_web::{HttpRequest, HttpResponse, http::header};

use crate::{ApiError, query::Query};

/// Where it is: beside the API, whose addresses stand in `openapi.json`.
pub(crate) const ADDRESS: &str = "/";

const PAGE: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"robots\" content=\"noindex, nofollow\">
<title>Mandate</title>
<h1>Mandate</h1>
<p>The API of a WeChat third-party platform (微信第三方平台). It wants a key: <code>mandate api-key create</code>.
<ul>
<li><a href=\"/api/v1/openapi.json\">OpenAPI document</a>
<li><a href=\"/api/v1/asyncapi.json\">AsyncAPI document</a>
<li><a href=\"/healthz\">Health</a>, <a href=\"/readyz\">readiness</a>, <a href=\"/metrics\">metrics</a>
<li><a href=\"/api/v1/components\">Components</a> (with a key, or from this machine)
</ul>
</html>
";

/// Shows it.
pub(crate) async fn show(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Query::read(&request, &[])?;
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))
        .body(PAGE))
}
