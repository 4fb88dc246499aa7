//! `WeChat`'s API over HTTP.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    HttpRequest, HttpResponse,
    body::{BodySize, MessageBody},
    http::{Method, StatusCode},
    web::{Bytes, Data, Query},
};

use crate::{
    api::{self, Answer, Effect, Request},
    push::Schedule,
    simulator::Simulator,
};

/// One call: the fault that is meant for it, the state machine, the answer.
pub(super) async fn call(http: HttpRequest, body: Bytes, simulator: Data<Simulator>) -> HttpResponse {
    let request = read(&http, &body);
    let fault = {
        let state = &mut *simulator.state();
        state.faults.take(&request, &mut state.mint)
    };
    if let Some(fault) = &fault {
        let _ = simulator.pause(fault.wait_before).await;
    }
    let now = simulator.now();
    let reply = api::handle(&mut simulator.state(), now, &request, fault.as_ref());
    if let Some(effect) = reply.effect {
        carry_out(&simulator, effect);
    }
    if let Some(fault) = &fault {
        let _ = simulator.pause(fault.wait_after).await;
    }
    render(reply.answer)
}

pub(super) fn read(http: &HttpRequest, body: &Bytes) -> Request {
    let query = Query::<Vec<(String, String)>>::from_query(http.query_string());
    let peer = http.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical());
    Request {
        is_post: http.method() == Method::POST,
        path: http.path().to_owned(),
        query: query.map(Query::into_inner).unwrap_or_default(),
        body: body.to_vec(),
        peer,
    }
}

fn carry_out(simulator: &Simulator, effect: Effect) {
    match effect {
        Effect::PushTicket(component) => {
            let simulator_too = simulator.clone();
            simulator.spawn(async move {
                let now = simulator_too.now().seconds();
                let draft = simulator_too.state().ticket(&component, now, now);
                if let Ok(draft) = draft {
                    simulator_too.dispatch(draft, Schedule::once()).await;
                }
            });
        }
    }
}

pub(super) fn render(answer: Answer) -> HttpResponse {
    match answer {
        Answer::Json(value) => {
            HttpResponse::Ok().content_type("application/json; encoding=utf-8").body(value.to_string())
        }
        Answer::Page { status, content_type, body } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            HttpResponse::build(status).content_type(content_type).body(body)
        }
        Answer::Dropped => HttpResponse::Ok().body(Cut),
    }
}

/// A body that fails at once. The server has written nothing by then and closes the connection, so that the caller
/// sees no answer at all.
struct Cut;

impl MessageBody for Cut {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(1)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, io::Error>>> {
        Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "dropped on purpose"))))
    }
}
