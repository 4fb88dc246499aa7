//! `/dead-letters`: what could not be handled, and the operator's two answers to it.

use actix_web::{HttpRequest, HttpResponse, rt, web};
use jiff::Timestamp;
use mandate_schema::{ComponentId, Scope, serialize_time};
use mandate_storage::{DeadLetterId, DeadLetterRow, DeadPayload, StorageError, Store};
use mandate_worker::{Retried, access::Caller};
use serde::Serialize;

use crate::{Api, ApiError, List, body, guard::caller, list::start, path, query::Query};

const NAME: &str = "dead-letters";

/// A dead letter. What it would try again, a push or a task, stays inside.
#[derive(Clone, Debug, Serialize)]
pub struct DeadLetterView {
    /// Its id: that of the command that is dead.
    pub id: DeadLetterId,
    /// Why, as a short name.
    pub reason: String,
    /// Why, for people.
    pub detail: String,
    /// The component whose URL was called; `None` if a task died.
    pub component: Option<ComponentId>,
    /// When it died.
    #[serde(serialize_with = "serialize_time")]
    pub recorded_at: Timestamp,
    /// How often a retry failed again.
    pub retries: u32,
}

/// What became of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterOutcome {
    /// It was decided, or its task is queued again; the letter is gone.
    Revived,
    /// It failed in the same way; the letter stays.
    StillDead,
    /// It was given up for good; the letter is gone.
    Discarded,
}

/// The answer to a retry or a discard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DeadLetterAct {
    /// The dead letter.
    pub id: DeadLetterId,
    /// What became of it.
    pub outcome: DeadLetterOutcome,
}

impl From<DeadLetterRow> for DeadLetterView {
    fn from(row: DeadLetterRow) -> Self {
        let DeadLetterRow { letter, retries } = row;
        let component = match letter.payload {
            DeadPayload::Push(push) => Some(push.component),
            DeadPayload::Task(_) => None,
        };
        Self {
            id: letter.command,
            reason: letter.reason,
            detail: letter.detail,
            component,
            recorded_at: letter.recorded_at,
            retries,
        }
    }
}

/// `GET /dead-letters`.
pub(crate) async fn list(api: web::Data<Api>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    caller(&request, Scope::Admin)?;
    let query = Query::read(&request, &["limit", "cursor"])?;
    let page = list_dead_letters(&api.worker.storage, start(NAME, &query)?, query.limit()?).await?;
    Ok(page.answer(&request))
}

/// A page of dead letters behind `after`, oldest command first, as `GET /dead-letters` answers it.
///
/// # Errors
///
/// [`StorageError`].
pub async fn list_dead_letters(
    storage: &Store,
    after: Option<DeadLetterId>,
    limit: usize,
) -> Result<List<DeadLetterView>, StorageError> {
    let rows = storage.dead_letters(after, limit + 1).await?;
    let found = rows.into_iter().map(DeadLetterView::from).collect();
    Ok(List::cut(NAME, found, limit, |last| last.id))
}

/// `POST /dead-letters/{id}/retry`.
pub(crate) async fn retry(
    api: web::Data<Api>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let caller = caller(&request, Scope::Admin)?;
    let id = act_on(&request, payload).await?;
    let worker = api.worker.clone();
    // Apart from this request: actix drops a handler whose caller has gone, and a retry should not stop half way.
    let outcome = match rt::spawn(async move { worker.dead_letters.retry(id).await }).await?? {
        Retried::Revived => DeadLetterOutcome::Revived,
        Retried::StillDead => DeadLetterOutcome::StillDead,
    };
    Ok(acted(&api, &caller, &request, id, outcome))
}

/// `POST /dead-letters/{id}/discard`.
pub(crate) async fn discard(
    api: web::Data<Api>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let caller = caller(&request, Scope::Admin)?;
    let id = act_on(&request, payload).await?;
    if api.worker.storage.discard(id, Timestamp::now()).await? {
        Ok(acted(&api, &caller, &request, id, DeadLetterOutcome::Discarded))
    } else {
        Err(ApiError::not_found(format!("there is no dead letter {id}")))
    }
}

async fn act_on(request: &HttpRequest, payload: web::Payload) -> Result<DeadLetterId, ApiError> {
    Query::read(request, &[])?;
    let id = path::dead_letter(request)?;
    body::expect_none(request, payload).await?;
    Ok(id)
}

fn acted(
    api: &Api,
    caller: &Caller,
    request: &HttpRequest,
    id: DeadLetterId,
    outcome: DeadLetterOutcome,
) -> HttpResponse {
    let act = match outcome {
        DeadLetterOutcome::Revived | DeadLetterOutcome::StillDead => "dead_letter.retried",
        DeadLetterOutcome::Discarded => "dead_letter.discarded",
    };
    let address = api.proxies.client(request);
    api.worker.access.note_act(&caller.actor(), address, act, &id.to_string(), None);
    tracing::info!(%id, ?outcome, "an operator acted on dead letter {id}");
    HttpResponse::Ok().json(DeadLetterAct { id, outcome })
}
