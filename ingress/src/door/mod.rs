//! The HTTP side: takes a push, proves that it is `WeChat`'s, stores it, answers.
//!
//! Nothing here calls anything but the journal, so that the answer never waits for a broker, a database or `WeChat`'s own
//! API.

mod answer;
mod body;
mod refusal;
mod refusal_log;

use std::{collections::HashMap, time::Instant};

use actix_web::{
    HttpRequest, HttpResponse,
    http::Method,
    web::{self, Data, Payload, ServiceConfig},
};
use mandate_runtime::metrics::Metrics;
use mandate_schema::{CallbackId, ComponentId, CreateTime, Push, PushKind};
use mandate_wechat::{
    callback,
    envelope::{CallbackQuery, KeyRing},
    message,
};
use tracing::debug;

use crate::{
    journal::{Clock, Journal, Recorded},
    routes::{Route, Routes},
};

pub use body::BodyLimits;

use refusal::Refusal;
use refusal_log::RefusalLog;

/// What every request needs. One for all workers.
pub(crate) struct Door {
    routes: Routes,
    rings: HashMap<ComponentId, KeyRing>,
    journal: Journal,
    metrics: Metrics,
    body: BodyLimits,
    clock: Clock,
    refusals: RefusalLog,
}

impl Door {
    /// A door with these URLs. `rings` has the keys of each component that `routes` can name.
    pub(crate) fn new(
        routes: Routes,
        rings: impl IntoIterator<Item = KeyRing>,
        journal: Journal,
        metrics: Metrics,
        body: BodyLimits,
        clock: Clock,
    ) -> Self {
        let rings = rings.into_iter().map(|ring| (ring.component().clone(), ring)).collect();
        Self { routes, rings, journal, metrics, body, clock, refusals: RefusalLog::default() }
    }

    /// Verifies, opens and stores one push.
    async fn take(
        &self,
        request: &HttpRequest,
        route: &Route,
        payload: &mut Payload,
    ) -> Result<Recorded, Refusal> {
        if request.method() != Method::POST {
            return Err(Refusal::Method);
        }
        // Read before anything is refused, so that all forgeries are answered alike, down to the connection's end.
        let body = body::read(request, payload, &self.body).await?;
        let push = self.open(route, request.query_string(), body)?;
        let id = push.id;
        let recorded = self.journal.record(push).await?;
        debug!(callback.id = %id, component = %route.component, kind = route.kind.as_str(), ?recorded, "stored callback {id}");
        Ok(recorded)
    }

    /// Proves that a push is `WeChat`'s and names it. The plaintext ends here: what is stored is the push as it came.
    fn open(&self, route: &Route, query: &str, body: Vec<u8>) -> Result<Push, Refusal> {
        let ring = self.rings.get(&route.component).expect("every route's component has keys");
        let opened = ring.open(&CallbackQuery::parse(query)?, &body)?;
        let create_time = create_time(route.kind, opened.plaintext.expose())?;
        let Route { component, authorizer, kind: _ } = route.clone();
        let id = CallbackId::compute(create_time, &component, authorizer.as_ref(), opened.plaintext.expose());
        let body = String::from_utf8(body).map_err(|_| Refusal::NotText)?;
        let received_at = (self.clock)();
        Ok(Push { id, component, authorizer, pair: opened.pair, query: query.to_owned(), body, received_at })
    }

    fn count(&self, route: &Route, outcome: &'static str, started: Instant) {
        self.metrics.callbacks_total(&route.component, route.kind, outcome);
        self.metrics.callback_answer_seconds(started.elapsed());
    }
}

/// The time of a push, which must be one that `WeChat` sends to this URL. Both URLs share their keys, so without this
/// a captured event could be replayed as a message of any account, and the other way round.
fn create_time(kind: PushKind, plaintext: &str) -> Result<CreateTime, Refusal> {
    match kind {
        PushKind::Event => Ok(callback::parse_callback(plaintext)?.create_time),
        PushKind::Message => {
            let message = message::parse_message(plaintext)?;
            // Only events have an InfoType, and the auth-event URL takes nothing without one.
            match message.document.get("InfoType") {
                None => Ok(message.create_time),
                Some(_) => Err(Refusal::WrongUrl),
            }
        }
    }
}

/// Sends every request to the door; which paths there are is settings, not code.
pub(crate) fn configure(config: &mut ServiceConfig, door: &Data<Door>) {
    config.app_data(door.clone()).default_service(web::to(receive));
}

async fn receive(door: Data<Door>, request: HttpRequest, mut payload: Payload) -> HttpResponse {
    let started = Instant::now();
    let Some(route) = door.routes.find(request.uri().path(), request.query_string()) else {
        door.refusals.note_unknown(request.uri().path(), request.peer_addr());
        return answer::not_found(payload);
    };
    match door.take(&request, &route, &mut payload).await {
        Ok(recorded) => {
            door.count(&route, outcome(recorded), started);
            answer::success()
        }
        Err(refusal) => {
            door.count(&route, refusal.kind(), started);
            door.refusals.note(&route, &refusal, request.peer_addr());
            answer::refused(&refusal, payload)
        }
    }
}

fn outcome(recorded: Recorded) -> &'static str {
    match recorded {
        Recorded::New => "accepted",
        Recorded::Duplicate => "duplicate",
    }
}
