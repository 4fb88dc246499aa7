//! `RabbitMQ`'s management API, as far as the tests need it.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::until::PATIENCE;

/// `guest:guest`.
const CREDENTIALS: &str = "Z3Vlc3Q6Z3Vlc3Q=";

/// The API on a port of this machine.
#[derive(Clone, Copy)]
pub(crate) struct Api(pub(crate) u16);

impl Api {
    /// Asks; the status and the body. `None` if nobody answers.
    pub(crate) async fn ask(self, method: &str, path: &str, body: &str) -> Option<(u16, Value)> {
        let asking = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.0)).await.ok()?;
            let request = format!(
                "{method} /api{path} HTTP/1.0\r\nAuthorization: Basic {CREDENTIALS}\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            let status = answer.split(' ').nth(1)?.parse().ok()?;
            let (_head, body) = answer.split_once("\r\n\r\n")?;
            Some((status, serde_json::from_str(body).unwrap_or(Value::Null)))
        };
        timeout(PATIENCE, asking).await.ok().flatten()
    }

    /// Does something that must succeed.
    pub(crate) async fn order(self, method: &str, path: &str, body: &str) -> Value {
        let (status, answer) = self.ask(method, path, body).await.expect("the management API answers");
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }
}
