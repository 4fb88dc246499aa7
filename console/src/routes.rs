//! Which address is answered by what.

use actix_web::{
    FromRequest, Handler, Resource, Responder,
    middleware::from_fn,
    web::{self, Data, ServiceConfig},
};

use crate::{
    Api, ApiError, authorizers, components, dead_letters, events, feed, guard, inbox, links, messages,
    problem, proxy, root, schemas, tokens, webhooks,
};

/// Adds the API under `/api/v1`, and a problem as the answer of every address that nobody else serves.
pub fn routes(config: &mut ServiceConfig, api: Data<Api>) {
    // Outside the scope: ingress is often another machine, and has a key.
    let settled = post("/api/v1/inbox/settled", inbox::settled);
    config.service(settled.app_data(api.clone()).wrap(from_fn(guard::never_kept)));
    for documents in [
        get("/api/v1/schemas/{file}", schemas::show),
        get("/api/v1/openapi.json", schemas::openapi),
        get("/api/v1/asyncapi.json", schemas::asyncapi),
    ] {
        config.service(documents.wrap(from_fn(problem::in_language)));
    }
    config.service(get(root::ADDRESS, root::show).wrap(from_fn(guard::never_kept)));
    let problems = get("/api/v1/problems/{code}", problem::show);
    config.service(problems.wrap(from_fn(problem::in_language)).wrap(from_fn(guard::never_kept)));
    let api = web::scope("/api/v1")
        .app_data(api)
        .service(get("/components", components::list))
        .service(get("/components/{component}", components::show))
        .service(get("/components/{component}/access-token", tokens::of_component))
        .service(post("/components/{component}/access-token/invalidate", tokens::replace_of_component))
        .service(get("/components/{component}/authorizers/{authorizer}/access-token", tokens::of_authorizer))
        .service(post(
            "/components/{component}/authorizers/{authorizer}/access-token/invalidate",
            tokens::replace_of_authorizer,
        ))
        .service(get("/components/{component}/authorizers/{authorizer}", authorizers::show))
        .service(get("/components/{component}/authorizers/{authorizer}/events", events::history))
        .service(get("/authorizers", authorizers::list))
        .service(get("/events", feed::page))
        .service(get("/events/stream", feed::stream))
        .service(post("/authorization-links", links::create))
        .service(
            web::resource("/webhooks")
                .get(webhooks::list)
                .post(webhooks::create)
                .default_service(web::to(async || only("GET, POST"))),
        )
        .service(
            web::resource("/webhooks/{id}")
                .get(webhooks::show)
                .patch(webhooks::change)
                .delete(webhooks::delete)
                .default_service(web::to(async || only("GET, PATCH, DELETE"))),
        )
        .service(get("/webhooks/{id}/attempts", webhooks::attempts))
        .service(post("/webhooks/{id}/test", webhooks::test))
        .service(post("/webhooks/{id}/pause", webhooks::pause))
        .service(post("/webhooks/{id}/resume", webhooks::resume))
        .service(post("/webhooks/{id}/rewind", webhooks::rewind))
        .service(post("/webhooks/{id}/rotate-secret", webhooks::rotate_secret))
        .service(get("/messages", messages::feed))
        .service(get("/dead-letters", dead_letters::list))
        .service(post("/dead-letters/{id}/retry", dead_letters::retry))
        .service(post("/dead-letters/{id}/discard", dead_letters::discard))
        .service(web::resource("/proxy/{component}/{authorizer}/{path:.*}").to(proxy::forward))
        .default_service(web::to(unknown_route))
        // Around the whole scope, so that an unknown address tells a stranger no more than a known one.
        .wrap(from_fn(guard::known_callers))
        .wrap(from_fn(problem::in_language))
        .wrap(from_fn(guard::never_kept));
    config.service(api).default_service(web::to(unknown_route));
}

fn get<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path).get(handler).default_service(web::to(async || only("GET")))
}

fn post<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path).post(handler).default_service(web::to(async || only("POST")))
}

fn only(allowed: &'static str) -> Result<&'static str, ApiError> {
    Err(ApiError::MethodNotAllowed { allowed })
}

async fn unknown_route() -> Result<&'static str, ApiError> {
    Err(ApiError::UnknownRoute)
}
