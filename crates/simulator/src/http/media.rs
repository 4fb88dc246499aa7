//! `media/upload` and `media/get`: something large in both directions, with an account's token. Nothing is kept.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, Data, Payload, Query},
};
use futures_util::{StreamExt, stream};
use serde::Deserialize;

use super::api::read;
use crate::{api, simulator::Simulator};

/// The size of one chunk.
const CHUNK: usize = 64 * 1024;
/// The most that is sent.
const SENT_MAX: usize = 256 << 20;

/// How much is asked for.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    size: usize,
}

pub(super) async fn upload(
    http: HttpRequest,
    mut payload: Payload,
    simulator: Data<Simulator>,
) -> HttpResponse {
    if let Some(refusal) = refused(&http, &simulator) {
        return refusal;
    }
    let mut size = 0;
    while let Some(chunk) = payload.next().await {
        let Ok(chunk) = chunk else { return HttpResponse::BadRequest().finish() };
        size += chunk.len() as u64;
    }
    HttpResponse::Ok().json(api::uploaded(size))
}

pub(super) async fn get(
    http: HttpRequest,
    wanted: Query<Wanted>,
    simulator: Data<Simulator>,
) -> HttpResponse {
    if let Some(refusal) = refused(&http, &simulator) {
        return refusal;
    }
    let size = wanted.size.min(SENT_MAX);
    let chunks = (0..size)
        .step_by(CHUNK)
        .map(move |at| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; CHUNK.min(size - at)])));
    HttpResponse::Ok()
        .content_type("image/jpeg")
        .insert_header(("content-disposition", "attachment; filename=\"x.jpg\""))
        .streaming(stream::iter(chunks))
}

fn refused(http: &HttpRequest, simulator: &Simulator) -> Option<HttpResponse> {
    let request = read(http, &Bytes::new());
    let now = simulator.now();
    let mut state = simulator.state();
    let error = api::check_account_token(&state, now.seconds(), &request).err()?;
    Some(super::api::render(api::failure(&mut state, &error).answer))
}
