//! The HTTP side: takes a push, proves that it is `WeChat`'s, stores it, answers.
//!
//! Nothing here calls anything but the journal, so that the answer never waits for a broker, a database or `WeChat`'s own
//! API. A passive reply is made of the message and the settings alone.

mod answer;
mod body;
mod refusal;
mod refusal_log;
mod replies;

use std::{collections::HashMap, time::Instant};

use actix_web::{
    HttpRequest, HttpResponse,
    http::Method,
    web::{self, Data, Payload, ServiceConfig},
};
use mandate_runtime::{config::ReplyRule, metrics::Metrics};
use mandate_schema::{CallbackId, ComponentId, Push, PushKind};
use mandate_wechat::{
    callback,
    envelope::{CallbackQuery, KeyRing, Opened},
    message::{self, Message},
};
use ring::rand::{SecureRandom, SystemRandom};
use tracing::debug;

use crate::{
    journal::{Clock, Journal, Recorded},
    routes::{Route, Routes},
};

pub use body::BodyLimits;

use answer::Answer;
use refusal::Refusal;
use refusal_log::RefusalLog;
use replies::Reply;

/// What every request needs. One for all workers.
pub(crate) struct Door {
    routes: Routes,
    rings: HashMap<ComponentId, KeyRing>,
    journal: Journal,
    metrics: Metrics,
    body: BodyLimits,
    clock: Clock,
    replies: Vec<ReplyRule>,
    random: SystemRandom,
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
        replies: Vec<ReplyRule>,
    ) -> Self {
        let rings = rings.into_iter().map(|ring| (ring.component().clone(), ring)).collect();
        let (random, refusals) = (SystemRandom::new(), RefusalLog::default());
        Self { routes, rings, journal, metrics, body, clock, replies, random, refusals }
    }

    /// Verifies, opens and stores one push; says what to answer.
    async fn take(
        &self,
        request: &HttpRequest,
        route: &Route,
        payload: &mut Payload,
    ) -> Result<(Recorded, Answer), Refusal> {
        if request.method() != Method::POST {
            return Err(Refusal::Method);
        }
        // Read before anything is refused, so that all forgeries are answered alike, down to the connection's end.
        let body = body::read(request, payload, &self.body).await?;
        let (push, spoken) = self.open(route, request.query_string(), body)?;
        let (id, now) = (push.id, push.received_at);
        let recorded = match &spoken {
            None => self.journal.record(push).await?,
            Some(spoken) => self.journal.record_message(push, original_id(&spoken.message)).await?,
        };
        debug!(callback.id = %id, component = %route.component, kind = route.kind.as_str(), ?recorded, "stored callback {id}");
        if recorded == Recorded::Parked {
            self.refusals.note_parked(route, request.peer_addr());
            return Ok((recorded, Answer::Success));
        }
        // A repetition is answered as the first one was.
        let answer = spoken.map_or(Answer::Success, |spoken| self.answer(route, &spoken, now.as_second()));
        Ok((recorded, answer))
    }

    /// Proves that a push is `WeChat`'s and names it. What is stored is the push as it came; of a message, the plaintext is
    /// answered before it ends.
    fn open(&self, route: &Route, query: &str, body: Vec<u8>) -> Result<(Push, Option<Spoken>), Refusal> {
        let parameters = CallbackQuery::parse(query)?;
        let opened = self.ring(route).open(&parameters, &body)?;
        let text = opened.plaintext.expose();
        let message = read(route.kind, text)?;
        let create_time = match &message {
            Some(message) => message.create_time,
            None => callback::parse_callback(
                text,
                mandate_schema::CreateTime(parameters.timestamp.parse().unwrap_or_default()),
            )?
            .time(),
        };
        let Route { component, authorizer, kind: _ } = route.clone();
        let push = Push {
            id: CallbackId::compute(create_time, &component, authorizer.as_ref(), text),
            component,
            authorizer,
            pair: opened.pair,
            query: query.to_owned(),
            body: String::from_utf8(body).map_err(|_| Refusal::NotText)?,
            received_at: (self.clock)(),
            unverified: false, // the journal knows
        };
        Ok((push, message.map(|message| Spoken { message, opened, nonce: parameters.nonce })))
    }

    /// What a message is answered with.
    fn answer(&self, route: &Route, spoken: &Spoken, now: i64) -> Answer {
        let Some(authorizer) = &route.authorizer else { return Answer::Success };
        match replies::reply(&self.replies, &route.component, authorizer, &spoken.message, now) {
            Reply::Success => Answer::Success,
            Reply::Empty => Answer::Empty,
            Reply::Xml(xml) => {
                let mut random = [0; 16];
                if self.random.fill(&mut random).is_err() {
                    return Answer::Success; // it cannot be sealed without
                }
                Answer::Sealed(self.ring(route).seal_reply(&spoken.opened, &xml, random, now, &spoken.nonce))
            }
        }
    }

    fn ring(&self, route: &Route) -> &KeyRing {
        self.rings.get(&route.component).expect("every route's component has keys")
    }

    fn count(&self, route: &Route, outcome: &'static str, started: Instant) {
        self.metrics.callbacks_total(&route.component, route.kind, outcome);
        self.metrics.callback_answer_seconds(started.elapsed());
    }
}

/// The longest original id that is remembered. `WeChat`'s have 15 characters.
const ORIGINAL_ID_MAX: usize = 64;

/// A message that is to be answered.
struct Spoken {
    message: Message,
    opened: Opened,
    nonce: String,
}

fn original_id(message: &Message) -> Option<String> {
    message.to_user.clone().filter(|id| id.len() <= ORIGINAL_ID_MAX)
}

/// The message, if the push came to the message URL. It must be one that `WeChat` sends there: both URLs share their keys, so
/// without this a captured event could be replayed as a message of any account, and the other way round.
fn read(kind: PushKind, plaintext: &str) -> Result<Option<Message>, Refusal> {
    match kind {
        PushKind::Event => Ok(None),
        PushKind::Message => {
            let message = message::parse_message(plaintext)?;
            // Only events have an InfoType, and the auth-event URL takes nothing without one.
            match message.document.get("InfoType") {
                None => Ok(Some(message)),
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
        Ok((recorded, answer)) => {
            door.count(&route, outcome(recorded), started);
            answer::taken(answer)
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
        Recorded::Parked => "parked",
    }
}
