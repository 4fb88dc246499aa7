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
use jiff::Timestamp;
use mandate_runtime::{config::ReplyRule, metrics::Metrics, web::TrustedProxies};
use mandate_schema::{CallbackId, ComponentId, Push};
use mandate_wechat::{
    envelope::{CallbackQuery, KeyRing, Opened},
    message::Message,
    push::{self, BadContent, Content, GenuinePush},
    text,
};
use ring::rand::{SecureRandom, SystemRandom};
use tracing::debug;

use crate::{
    journal::{Clock, Journal, Origin, Recorded},
    routes::{Route, Routes},
};

use answer::Answer;
use refusal::Refusal;
use refusal_log::RefusalLog;
use replies::Reply;

/// What a door is made of. `rings` has the keys of each component that `routes` can name.
pub(crate) struct DoorParts {
    pub(crate) routes: Routes,
    pub(crate) rings: Vec<KeyRing>,
    pub(crate) journal: Journal,
    pub(crate) metrics: Metrics,
    pub(crate) body_max: usize,
    pub(crate) clock: Clock,
    pub(crate) replies: Vec<ReplyRule>,
    pub(crate) proxies: TrustedProxies,
}

/// What every request needs. One for all workers.
pub(crate) struct Door {
    routes: Routes,
    rings: HashMap<ComponentId, KeyRing>,
    journal: Journal,
    metrics: Metrics,
    body_max: usize,
    clock: Clock,
    replies: Vec<ReplyRule>,
    proxies: TrustedProxies,
    random: SystemRandom,
    refusals: RefusalLog,
}

impl Door {
    /// A door with these URLs.
    pub(crate) fn new(parts: DoorParts) -> Self {
        let DoorParts { routes, rings, journal, metrics, body_max, clock, replies, proxies } = parts;
        let rings = rings.into_iter().map(|ring| (ring.component().clone(), ring)).collect();
        let (random, refusals) = (SystemRandom::new(), RefusalLog::default());
        Self { routes, rings, journal, metrics, body_max, clock, replies, proxies, random, refusals }
    }

    /// Verifies, opens and stores one push; says what to answer.
    async fn take(
        &self,
        request: &HttpRequest,
        route: &Route,
        payload: &mut Payload,
    ) -> Result<Taken, Refusal> {
        if request.method() != Method::POST {
            return Err(Refusal::Method);
        }
        // Read before anything is refused, so that all forgeries are answered alike.
        let body = body::read(request, payload, self.body_max).await?;
        let Genuine { push, said, content, timeliness } = self.open(route, request.query_string(), &body)?;
        let (id, component, now) = (push.id, push.component.clone(), push.received_at);
        if timeliness == Timeliness::Late {
            self.metrics.callbacks_late_total(&component, route.kind);
        }
        // What a proxy of ours brings without saying for whom is bounded in all only.
        let address = self.proxies.client(request).filter(|address| !self.proxies.contains(*address));
        let origin = Origin { address, content };
        let recorded = match &said {
            Said::Event => self.journal.record(push).await,
            Said::Message(spoken) => {
                self.journal.record_message(push, original_id(&spoken.message), origin).await
            }
            Said::Bad(bad) => self.journal.record_bad_message(push, bad, origin).await,
        };
        let recorded =
            recorded.map_err(|source| Refusal::NotStored { source, component: component.clone() })?;
        debug!(callback.id = %id, %component, kind = route.kind.as_str(), ?recorded, "stored callback {id}");
        let answer = match (recorded, &said) {
            (Recorded::Parked, Said::Bad(bad)) => {
                self.refusals.note_bad(route, *bad, self.proxies.client(request));
                Answer::Success
            }
            (Recorded::Parked, Said::Event | Said::Message(_)) => {
                self.refusals.note_parked(route, self.proxies.client(request));
                Answer::Success
            }
            // A repetition is answered as the first one was.
            (Recorded::New | Recorded::Duplicate, Said::Message(spoken)) => {
                self.answer(route, &component, spoken, now.as_second())
            }
            (Recorded::New | Recorded::Duplicate, Said::Event | Said::Bad(_)) => Answer::Success,
        };
        Ok(Taken { component, recorded, answer })
    }

    /// Proves that a push is `WeChat`'s, whatever is in it, and names it. What is stored is the push as it came; of a message, the
    /// plaintext is answered before it ends.
    fn open(&self, route: &Route, query: &str, body: &[u8]) -> Result<Genuine, Refusal> {
        let parameters = CallbackQuery::parse(query)?;
        let rings = route.components.iter().map(|component| self.ring(component));
        let (ring, genuine) = push::open_for_any(rings, &parameters, body, route.authorizer.as_ref())?;
        let GenuinePush { id, time, content: says, opened } = genuine;
        let received_at = (self.clock)();
        let push = Push {
            id,
            component: ring.component().clone(),
            authorizer: route.authorizer.clone(),
            pair: opened.pair,
            query: parameters.stored(query),
            // What a text cannot hold can only stand in the unsigned parts.
            body: opened.stored(&text::clean(body).text),
            received_at,
            unverified: false, // the journal knows
        };
        let content = CallbackId::compute(time, ring.component(), None, opened.plaintext.bytes());
        let timeliness = Timeliness::of(&parameters, received_at);
        let said = match (says, &route.authorizer) {
            // The worker says what is wrong with a callback: there it can be seen, and tried again.
            (Ok(Content::Callback(_)) | Err(_), None) => Said::Event,
            (Ok(Content::Message(message)), _) => {
                Said::Message(Box::new(Spoken { message: *message, opened, nonce: parameters.nonce }))
            }
            (Ok(Content::Callback(_)), Some(_)) => Said::Bad(BadContent::WrongUrl),
            (Err(bad), Some(_)) => Said::Bad(bad),
        };
        Ok(Genuine { push, said, content, timeliness })
    }

    /// What a message is answered with, in the form that it came in.
    fn answer(&self, route: &Route, component: &ComponentId, spoken: &Spoken, now: i64) -> Answer {
        let Some(authorizer) = &route.authorizer else { return Answer::Success };
        let Spoken { message, opened, nonce } = spoken;
        match replies::reply(&self.replies, component, authorizer, message, now) {
            Reply::Success => Answer::Success,
            Reply::Empty => Answer::Empty,
            Reply::Xml(xml) => {
                let mut random = [0; 16];
                if self.random.fill(&mut random).is_err() {
                    return Answer::Success; // it cannot be sealed without
                }
                let reply = message.form.of_reply(xml);
                let sealed = self.ring(component).seal_reply(opened, &reply, random, now, nonce);
                Answer::Sealed(sealed, opened.form)
            }
        }
    }

    fn ring(&self, component: &ComponentId) -> &KeyRing {
        self.rings.get(component).expect("every route's component has keys")
    }

    fn count(&self, route: &Route, component: &str, outcome: &'static str, started: Instant) {
        self.metrics.callbacks_total(component, route.kind, outcome);
        self.metrics.callback_answer_seconds(started.elapsed());
    }
}

/// The longest original id that is remembered. `WeChat`'s have 15 characters.
const ORIGINAL_ID_MAX: usize = 64;

/// A push that is durable now.
struct Taken {
    component: ComponentId,
    recorded: Recorded,
    answer: Answer,
}

/// A push that is from `WeChat`.
struct Genuine {
    push: Push,
    said: Said,
    /// The same for the same plaintext, whatever appid stands in the URL.
    content: CallbackId,
    timeliness: Timeliness,
}

/// Whether a push came soon after it was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timeliness {
    Timely,
    /// It may have been captured: it is taken, marked and counted.
    Late,
}

impl Timeliness {
    fn of(query: &CallbackQuery, now: Timestamp) -> Self {
        if query.is_late_at(now) { Self::Late } else { Self::Timely }
    }
}

/// What matters of it here.
enum Said {
    /// A callback of the event URL.
    Event,
    /// A message that is to be answered.
    Message(Box<Spoken>),
    /// A push of the message URL that nothing can be done with.
    Bad(BadContent),
}

/// A message that is to be answered.
struct Spoken {
    message: Message,
    opened: Opened,
    nonce: String,
}

fn original_id(message: &Message) -> Option<String> {
    message.to_user.clone().filter(|id| id.len() <= ORIGINAL_ID_MAX)
}

/// Sends every request to the door; which paths there are is settings, not code.
pub(crate) fn configure(config: &mut ServiceConfig, door: &Data<Door>) {
    config.app_data(door.clone()).default_service(web::to(receive));
}

async fn receive(door: Data<Door>, request: HttpRequest, mut payload: Payload) -> HttpResponse {
    let started = Instant::now();
    let Some(route) = door.routes.find(request.uri().path(), request.query_string()) else {
        door.refusals.note_unknown(request.uri().path(), door.proxies.client(&request));
        return answer::not_found();
    };
    match door.take(&request, &route, &mut payload).await {
        Ok(Taken { component, recorded, answer }) => {
            door.count(&route, component.as_str(), outcome(recorded), started);
            answer::taken(answer)
        }
        Err(refusal) => {
            door.count(&route, route.label(refusal.component()), refusal.kind(), started);
            door.refusals.note(&route, &refusal, door.proxies.client(&request));
            answer::refused(&refusal)
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
