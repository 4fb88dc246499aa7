//! `/inbox/settled`: ingress asks which of its callbacks have an outcome. Its own key opens this one question and nothing
//! else, and nothing else opens it: ingress is often another machine.

use std::collections::HashSet;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::HeaderMap},
    web,
};
use mandate_broker::{ASK_MAX, CallbackOutcomes};
use mandate_schema::{CallbackId, Secret};

use serde::{Deserialize, Serialize};

use crate::{Api, ApiError, BodyError, body, guard};

/// The largest question, in bytes: 1,000 ids have 39 kB.
const BODY_MAX: usize = 64 * 1024;

/// The question.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    ids: Vec<CallbackId>,
}

/// The answer: those of the ids that have an outcome.
#[derive(Debug, Serialize)]
struct Answer {
    settled: HashSet<CallbackId>,
}

/// `POST /inbox/settled`.
pub(crate) async fn settled(
    api: web::Data<Api>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let key = api.settle_key.as_ref().ok_or(ApiError::UnknownRoute)?;
    if !is_authorized(request.headers(), key) {
        let too_many = guard::note_refusal(&api, None, &request, StatusCode::UNAUTHORIZED);
        return Err(too_many.unwrap_or(ApiError::Unauthenticated));
    }
    let Question { ids } = body::read_json(&request, payload, BODY_MAX).await?;
    if ids.len() > ASK_MAX {
        return Err(BodyError::Unusable(format!("at most {ASK_MAX} ids can be asked about at once")).into());
    }
    let settled = api.worker.ingest().settled(ids).await?;
    Ok(HttpResponse::Ok().json(Answer { settled }))
}

fn is_authorized(headers: &HeaderMap, key: &Secret) -> bool {
    guard::bearer(headers).is_some_and(|token| key.is(token))
}
