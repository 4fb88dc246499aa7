//! The control API over HTTP: thin, the work is in [`Simulator`].

use actix_web::{
    HttpResponse,
    web::{self, Data, Json, Query, ServiceConfig},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{errors::Problem, help};
use crate::{
    control::AuthorizerOutcome,
    orders::{
        AuthorizerSpec, ClockSpec, CrowdSpec, FaultSpec, KeysSpec, PushSpec, ReleaseCheckSpec, ReleaseSpec,
    },
    push::PushOutcome,
    release_check::ReleaseCheckReport,
    simulator::Simulator,
    state::{Snapshot, SnapshotFilter},
    switches::Switches,
};

type Answer<T> = Result<Json<T>, Problem>;

/// Routes below `/_control`.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/push", web::post().to(push))
        .route("/authorizers", web::post().to(authorizers))
        .route("/crowd", web::post().to(crowd))
        .route("/release", web::post().to(release))
        .service(
            web::resource("/faults")
                .route(web::post().to(add_fault))
                .route(web::get().to(faults))
                .route(web::delete().to(clear_faults)),
        )
        .service(
            web::resource("/switches").route(web::post().to(set_switches)).route(web::get().to(switches)),
        )
        .service(web::resource("/clock").route(web::post().to(advance_clock)).route(web::get().to(clock)))
        .route("/keys", web::post().to(keys))
        .service(web::resource("/calls").route(web::get().to(calls)).route(web::delete().to(clear_calls)))
        .route("/pushes", web::get().to(pushes))
        .route("/messages", web::get().to(messages))
        .route("/release-check", web::post().to(release_check))
        .route("/state", web::get().to(state))
        .route("/secrets", web::get().to(secrets))
        .default_service(web::to(help::page));
}

async fn push(simulator: Data<Simulator>, spec: Json<PushSpec>) -> Answer<PushOutcome> {
    Ok(Json(simulator.push(spec.into_inner()).await?))
}

async fn authorizers(simulator: Data<Simulator>, spec: Json<AuthorizerSpec>) -> Answer<AuthorizerOutcome> {
    Ok(Json(simulator.authorizer(spec.into_inner()).await?))
}

async fn crowd(simulator: Data<Simulator>, spec: Json<CrowdSpec>) -> Result<HttpResponse, Problem> {
    simulator.crowd(&spec)?;
    Ok(HttpResponse::NoContent().finish())
}

async fn release(simulator: Data<Simulator>, spec: Json<ReleaseSpec>) -> Answer<Value> {
    let outcomes = simulator.release(spec.into_inner()).await?;
    Ok(Json(json!({ "data": outcomes })))
}

async fn add_fault(simulator: Data<Simulator>, spec: Json<FaultSpec>) -> Answer<Value> {
    simulator.fault(spec.into_inner())?;
    Ok(Json(json!({ "data": simulator.faults() })))
}

async fn faults(simulator: Data<Simulator>) -> Json<Value> {
    Json(json!({ "data": simulator.faults() }))
}

async fn clear_faults(simulator: Data<Simulator>) -> HttpResponse {
    simulator.clear_faults();
    HttpResponse::NoContent().finish()
}

async fn set_switches(simulator: Data<Simulator>, changes: Json<Map<String, Value>>) -> Answer<Switches> {
    Ok(Json(simulator.set_switches(&changes)?))
}

async fn switches(simulator: Data<Simulator>) -> Json<Switches> {
    Json(simulator.switches())
}

async fn advance_clock(simulator: Data<Simulator>, spec: Json<ClockSpec>) -> Answer<Value> {
    let now = simulator.advance_clock(spec.into_inner())?;
    Ok(Json(json!({ "now": now })))
}

async fn clock(simulator: Data<Simulator>) -> Json<Value> {
    Json(json!({ "now": simulator.time() }))
}

async fn keys(simulator: Data<Simulator>, spec: Json<KeysSpec>) -> Result<HttpResponse, Problem> {
    simulator.rotate_keys(&spec)?;
    Ok(HttpResponse::NoContent().finish())
}

async fn calls(simulator: Data<Simulator>) -> Json<Value> {
    Json(list(simulator.calls()))
}

async fn clear_calls(simulator: Data<Simulator>) -> HttpResponse {
    simulator.clear_calls();
    HttpResponse::NoContent().finish()
}

async fn pushes(simulator: Data<Simulator>) -> Json<Value> {
    Json(json!({ "data": simulator.pushes() }))
}

async fn messages(simulator: Data<Simulator>) -> Json<Value> {
    Json(list(simulator.messages()))
}

async fn release_check(
    simulator: Data<Simulator>,
    spec: Json<ReleaseCheckSpec>,
) -> Answer<ReleaseCheckReport> {
    Ok(Json(simulator.release_check(spec.into_inner()).await?))
}

async fn state(simulator: Data<Simulator>, filter: Query<SnapshotFilter>) -> Json<Snapshot> {
    Json(simulator.snapshot(&filter))
}

async fn secrets(simulator: Data<Simulator>) -> Json<Value> {
    Json(list(simulator.secrets()))
}

/// A list of which older entries may have been forgotten.
fn list((data, forgotten): (Vec<impl Serialize>, u64)) -> Value {
    json!({ "data": data, "forgotten": forgotten })
}
