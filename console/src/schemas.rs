//! Documents that describe what is published. They hold nothing of anybody's, so that no key is asked for.

use actix_web::{HttpResponse, http::header, web::Path};
use mandate_schema::event_schema;

use crate::ApiError;

/// `GET /schemas/{type}.json`.
pub(crate) async fn show(file: Path<String>) -> Result<HttpResponse, ApiError> {
    let schema = file.strip_suffix(".json").and_then(event_schema);
    let schema = schema.ok_or_else(|| {
        ApiError::not_found(
            "there is no schema of this name; the dataschema of an event says where its own is",
        )
    })?;
    Ok(HttpResponse::Ok()
        .content_type("application/schema+json")
        .insert_header((header::CACHE_CONTROL, "public, max-age=86400"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(schema))
}
