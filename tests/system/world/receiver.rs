//! A subscriber's HTTP endpoint: checks signatures as an independent implementation does, keeps what came, and refuses what
//! it is told to refuse.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    web::{self, Bytes, Data},
};
use serde_json::Value;

/// An endpoint that listens until it is dropped.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    state: Data<State>,
    server: ServerHandle,
}

/// Decides the status of an answer by the event.
type Answers = Box<dyn FnMut(&Value) -> u16 + Send>;

#[derive(Default)]
struct State {
    secret: Mutex<Option<String>>,
    answers: Mutex<Option<Answers>>,
    got: Mutex<Vec<Value>>,
}

impl Receiver {
    /// An endpoint that takes everything that is signed.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state: Data<State> = Data::from(Arc::<State>::default());
        let shared = state.clone();
        let app = move || App::new().app_data(shared.clone()).default_service(web::post().to(take));
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).expect("a listener");
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { port, state, server: handle }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// Checks signatures with this secret from now on.
    pub(crate) fn expect_signatures(&self, secret: &str) {
        *self.state.secret.lock().expect("unpoisoned") = Some(secret.to_owned());
    }

    /// Answers as this says from now on.
    pub(crate) fn answers(&self, answers: impl FnMut(&Value) -> u16 + Send + 'static) {
        *self.state.answers.lock().expect("unpoisoned") = Some(Box::new(answers));
    }

    /// The events that it took, in order, repeated ones included.
    pub(crate) fn taken(&self) -> Vec<Value> {
        self.state.got.lock().expect("unpoisoned").clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

async fn take(state: Data<State>, request: HttpRequest, body: Bytes) -> HttpResponse {
    if let Some(secret) = &*state.secret.lock().expect("unpoisoned") {
        let headers = request.headers().iter().map(|(name, value)| {
            let value = value.to_str().expect("text").parse().expect("a value");
            (name.as_str().parse::<http::HeaderName>().expect("a name"), value)
        });
        let verifier = standardwebhooks::Webhook::new(secret).expect("a secret");
        if let Err(error) = verifier.verify(&body, &headers.collect()) {
            return HttpResponse::Unauthorized().body(error.to_string());
        }
    }
    let event: Value = serde_json::from_slice(&body).expect("JSON");
    let mut answers = state.answers.lock().expect("unpoisoned");
    let status = answers.as_mut().map_or(204, |answers| answers(&event));
    if (200..300).contains(&status) {
        state.got.lock().expect("unpoisoned").push(event);
    }
    HttpResponse::build(status.try_into().expect("a status")).body("told")
}
