//! Documents for programs that call us or subscribe.

/// `OpenAPI` 3.1 of the HTTP API. The API's tests check every route and every answer against it.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// `AsyncAPI` 3.0 of all that is published: over `RabbitMQ`, as server-sent events, to webhooks.
pub const ASYNCAPI: &str = include_str!("../asyncapi.json");
