//! Ids in paths.

use std::str::FromStr;

use actix_web::HttpRequest;
use mandate_schema::{AuthorizerId, ComponentId, InvalidId};
use mandate_storage::DeadLetterId;
use uuid::Uuid;

fn segment<'a>(request: &'a HttpRequest, name: &str) -> &'a str {
    request.match_info().get(name).unwrap_or_default()
}

/// The path's component.
///
/// # Errors
///
/// [`InvalidId`].
pub(crate) fn component(request: &HttpRequest) -> Result<ComponentId, InvalidId> {
    segment(request, "component").parse()
}

/// The path's account.
///
/// # Errors
///
/// [`InvalidId`].
pub(crate) fn authorizer(request: &HttpRequest) -> Result<AuthorizerId, InvalidId> {
    segment(request, "authorizer").parse()
}

/// The path's dead letter.
///
/// # Errors
///
/// [`InvalidId`].
pub(crate) fn dead_letter(request: &HttpRequest) -> Result<DeadLetterId, InvalidId> {
    uuid(request, "dead letter id")
}

/// The path's webhook.
///
/// # Errors
///
/// [`InvalidId`].
pub(crate) fn webhook(request: &HttpRequest) -> Result<Uuid, InvalidId> {
    uuid(request, "webhook id")
}

fn uuid<T: FromStr>(request: &HttpRequest, kind: &'static str) -> Result<T, InvalidId> {
    segment(request, "id").parse().map_err(|_| InvalidId { kind, reason: "it must be a UUID" })
}
