//! Documents that describe what is published. They hold nothing of anybody's, so that no key is asked for.

use actix_web::{HttpRequest, HttpResponse, http::header, web::Path};
use mandate_schema::{ASYNCAPI, OPENAPI, event_schema};

use crate::{ApiError, query::Query};

/// `GET /schemas/{type}.json`.
pub(crate) async fn show(request: HttpRequest, file: Path<String>) -> Result<HttpResponse, ApiError> {
    Query::read(&request, &[])?;
    let schema = file.strip_suffix(".json").and_then(event_schema);
    let schema = schema.ok_or_else(|| {
        ApiError::not_found(
            "there is no schema of this name; the dataschema of an event says where its own is",
        )
    })?;
    Ok(document("application/schema+json", schema))
}

/// `GET /openapi.json`.
pub(crate) async fn openapi(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Query::read(&request, &[])?;
    Ok(document("application/json", OPENAPI))
}

/// `GET /asyncapi.json`.
pub(crate) async fn asyncapi(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Query::read(&request, &[])?;
    Ok(document("application/json", ASYNCAPI))
}

fn document(content_type: &str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(text)
}
