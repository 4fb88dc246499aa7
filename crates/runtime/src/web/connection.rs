//! One connection: reads a request, hands it to actix, and goes on with the next one if its client behaves.

use std::{
    cell::{Cell, RefCell},
    io,
    net::SocketAddr,
    rc::Rc,
};

use actix_service::Service;
use actix_web::{http::StatusCode, rt::net::TcpStream, web::BytesMut};
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

use super::{
    chunked::Chunked,
    class::{Class, MustClose},
    exchange::{Answered, Exchange, Line, More, PASSED_ON_HELD, put_chunks},
    head::{self, BodyKind, Expects, HEAD_MAX, Head},
    slots::Seat,
};

/// Room for what comes next while a head is read, in bytes: silent connections have none at all.
const HEAD_ROOM: usize = 1 << 10;
/// The same while a body is read, at most.
const BODY_ROOM: usize = 16 << 10;
/// What may still come behind an answer, in bytes, before the connection is cut.
const LINGER_MAX: usize = 256 << 10;

/// The headers of an answer that no handler makes. Browsers come to one of the listeners.
const REFUSAL_HEADERS: &str = "content-length: 0\r\nconnection: close\r\ncache-control: no-store\r\n\
    content-security-policy: default-src 'none'; frame-ancestors 'none'\r\nreferrer-policy: no-referrer\r\n\
    x-content-type-options: nosniff\r\nx-frame-options: DENY\r\n";

/// How the connections of a listener are served.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    /// Bodies up to this many bytes are collected before a handler sees the request; longer ones are passed on as they come.
    pub(super) collect_max: usize,
    /// From then on no connection is kept.
    pub(super) stop: CancellationToken,
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client has closed it, it broke, or it is closed without a word.
    Close,
    /// It must close before its request is here.
    TooSlow,
    /// It is answered with this status, and nothing else.
    Refuse(StatusCode),
    /// The answer is out.
    Answered,
    /// The same, and the client is still sending its body.
    AnsweredEarly,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Close
    }
}

impl From<MustClose> for End {
    fn from(_: MustClose) -> Self {
        Self::TooSlow
    }
}

/// Serves a connection until it ends.
pub(super) async fn serve<H>(socket: TcpStream, seat: Seat, peer: SocketAddr, http: &H, manner: &Manner)
where
    H: Service<(Exchange, Option<SocketAddr>), Response = ()>,
{
    let line = Rc::new(Line { socket, seat, answered: Cell::default(), going: RefCell::default() });
    let mut reader =
        Reader { line: Rc::clone(&line), buffer: BytesMut::new(), collect_max: manner.collect_max };
    let end = loop {
        let exchange = match reader.request().await {
            Ok(exchange) => exchange,
            Err(end) => break end,
        };
        // Whoever cannot set it gets his answer all the same, a little later.
        let _ = line.socket.set_nodelay(true);
        if let Err(end) = answer(&line, http.call((exchange, Some(peer)))).await {
            break end;
        }
        if manner.stop.is_cancelled() {
            break End::Answered;
        }
        if reader.buffer.is_empty() && line.seat.begin(Class::Kept).is_err() {
            break End::Answered;
        }
    };
    let has_more = !reader.buffer.is_empty();
    drop(reader);
    if let Some(line) = Rc::into_inner(line)
        && end != End::Close
    {
        // On the heap: connections that do not end yet take no room for it.
        Box::pin(close(line, end, has_more)).await;
    }
}

/// Waits for the answer to a request. `Ok`: another request may follow.
async fn answer<E>(line: &Line, answering: impl Future<Output = Result<(), E>>) -> Result<(), End> {
    // On the heap, so that connections that wait for a request take no room for it.
    let answering = Box::pin(answering);
    let result = tokio::select! {
        biased;
        result = answering => result,
        () = line.seat.closed() => return Err(End::Close),
    };
    line.seat.hold(0);
    match (line.answered.get(), result) {
        (Answered::ThenNext, Ok(())) => Ok(()),
        (Answered::ThenClose | Answered::ThenNext, _) => Err(End::Answered),
        (Answered::Early, _) => Err(End::AnsweredEarly),
        (Answered::No, _) => Err(End::Close),
    }
}

/// Reads requests off a connection.
struct Reader {
    line: Rc<Line>,
    /// What has come and belongs to no request yet.
    buffer: BytesMut,
    collect_max: usize,
}

impl Reader {
    /// The next request, with its body if that is not long.
    async fn request(&mut self) -> Result<Exchange, End> {
        let head = self.head().await?;
        match head.body {
            BodyKind::Nothing => {
                self.line.seat.begin(Class::Busy)?;
                let request = head.alone(self.buffer.split_to(head.len));
                Ok(self.exchange(&head, request, More::Nothing))
            }
            BodyKind::Length(length) => {
                self.line.seat.begin(Class::Body)?;
                match usize::try_from(length).ok().filter(|length| *length <= self.collect_max) {
                    Some(length) => self.collect(&head, length).await,
                    None => self.pass_on(&head, length),
                }
            }
            BodyKind::Chunked => {
                self.line.seat.begin(Class::Body)?;
                self.collect_chunks(&head).await
            }
        }
    }

    async fn head(&mut self) -> Result<Head, End> {
        let mut seen = 0;
        loop {
            let len = self.buffer.len();
            if len > seen {
                if seen == 0 {
                    self.line.seat.begin(Class::Head)?;
                }
                if (seen == 0 || len >= HEAD_MAX || head::may_end(&self.buffer, seen))
                    && let Some(head) = self.parse()?
                {
                    return Ok(head);
                }
                seen = len;
                self.line.seat.hold(self.buffer.capacity());
            }
            match self.more(HEAD_ROOM).await {
                Ok(()) => {}
                Err(End::TooSlow) if seen == 0 => return self.last_moment().await,
                Err(end) => return Err(end),
            }
        }
    }

    fn parse(&self) -> Result<Option<Head>, End> {
        Head::parse(&self.buffer).map_err(End::Refuse)
    }

    /// A silent connection is to be closed, but its request may be here by now: the kernel knows.
    async fn last_moment(&mut self) -> Result<Head, End> {
        tokio::task::yield_now().await;
        self.buffer.reserve(HEAD_ROOM);
        let read = self.line.socket.try_read_buf(&mut self.buffer);
        match (read, self.parse()) {
            (Ok(1..), Ok(Some(head))) => {
                self.line.seat.revive();
                Ok(head)
            }
            _ => Err(End::Close),
        }
    }

    /// Reads what comes next.
    async fn more(&mut self, room: usize) -> Result<(), End> {
        let Line { socket, seat, .. } = &*self.line;
        loop {
            tokio::select! {
                biased;
                () = seat.closed() => return Err(End::TooSlow),
                ready = socket.readable() => ready?,
            }
            if self.buffer.capacity() - self.buffer.len() < room / 2 {
                self.buffer.reserve(room);
            }
            match socket.try_read_buf(&mut self.buffer) {
                Ok(0) => return Err(End::Close),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A body whose length is known.
    async fn collect(&mut self, head: &Head, length: usize) -> Result<Exchange, End> {
        self.invite(head);
        let len = head.len + length;
        while self.buffer.len() < len {
            self.line.seat.hold(self.buffer.capacity());
            self.more(body_room(self.buffer.len()).min(len - self.buffer.len())).await?;
        }
        self.line.seat.begin(Class::Busy)?;
        self.line.seat.hold(len);
        let sent = self.buffer.split_to(head.len);
        let mut request = head.with_length(sent, length);
        request.unsplit(self.buffer.split_to(length));
        Ok(self.exchange(head, request, More::Nothing))
    }

    /// A body in chunks. If it gets long, the rest is passed on.
    async fn collect_chunks(&mut self, head: &Head) -> Result<Exchange, End> {
        self.invite(head);
        let sent = self.buffer.split_to(head.len);
        let (mut chunked, mut data) = (Chunked::default(), BytesMut::new());
        loop {
            let bad = |_| End::Refuse(StatusCode::BAD_REQUEST);
            chunked.take(&mut self.buffer, &mut data).map_err(bad)?;
            if chunked.is_complete() || data.len() > self.collect_max {
                break;
            }
            self.line.seat.hold(data.capacity() + self.buffer.capacity());
            self.more(body_room(data.len())).await?;
        }
        if chunked.is_complete() {
            self.line.seat.begin(Class::Busy)?;
            self.line.seat.hold(data.len());
            let mut request = head.with_length(sent, data.len());
            request.unsplit(data);
            return Ok(self.exchange(head, request, More::Nothing));
        }
        self.line.seat.begin(Class::Busy)?;
        self.line.seat.hold(PASSED_ON_HELD);
        let mut request = head.for_stream(sent);
        put_chunks(&data, &chunked, &mut request);
        let more = More::Chunks { chunked, wire: self.buffer.split() };
        Ok(self.exchange(head, request, more))
    }

    /// A long body: whoever handles the request decides whether it is wanted.
    fn pass_on(&mut self, head: &Head, length: u64) -> Result<Exchange, End> {
        self.line.seat.begin(Class::Busy)?;
        self.line.seat.hold(PASSED_ON_HELD);
        let sent = self.buffer.split_to(head.len);
        let mut request = head.for_stream(sent);
        let here = self.buffer.len().min(usize::try_from(length).unwrap_or(usize::MAX));
        request.unsplit(self.buffer.split_to(here));
        Ok(self.exchange(head, request, More::Length(length - here as u64)))
    }

    fn exchange(&mut self, head: &Head, request: BytesMut, more: More) -> Exchange {
        // What is left would keep the room of the whole request.
        self.buffer = BytesMut::from(&self.buffer[..]);
        Exchange::new(Rc::clone(&self.line), request, more, head.after)
    }

    /// Tells a client that waits for it to send its body.
    fn invite(&self, head: &Head) {
        if head.expects == Expects::Continue {
            // Nothing else is under way, so a socket that takes no 25 bytes is broken, and the next read shows it.
            let _ = self.line.socket.try_write(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
    }
}

/// As much again as has come, so that a body that does not come costs little.
fn body_room(came: usize) -> usize {
    came.clamp(HEAD_ROOM, BODY_ROOM)
}

/// Closes a connection so that its client gets the answer: one that is closed while bytes of the client are unread is reset,
/// and the answer may be lost with it.
async fn close(line: Line, end: End, has_more: bool) {
    let Line { mut socket, seat, .. } = line;
    let status = match end {
        End::Close => return,
        End::TooSlow => Some(StatusCode::REQUEST_TIMEOUT),
        End::Refuse(status) => Some(status),
        End::Answered | End::AnsweredEarly => None,
    };
    if let Some(status) = status {
        let reason = status.canonical_reason().unwrap_or_default();
        let code = status.as_u16();
        let text = format!("HTTP/1.1 {code} {reason}\r\n{REFUSAL_HEADERS}\r\n");
        let _ = socket.try_write(text.as_bytes()); // who does not take it goes without
    }
    let mut thrown_away = [0; 4 << 10];
    let is_unread = has_more || matches!(socket.try_read(&mut thrown_away), Ok(1..));
    if !is_unread && end == End::Answered || seat.linger().is_err() {
        return;
    }
    if socket.shutdown().await.is_err() {
        return;
    }
    let mut left = LINGER_MAX;
    while left > 0 {
        tokio::select! {
            biased;
            () = seat.closed() => return,
            ready = socket.readable() => if ready.is_err() { return },
        }
        match socket.try_read(&mut thrown_away) {
            Ok(0) => return,
            Ok(read) => left = left.saturating_sub(read),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, sync::Arc};

    use tokio::net::TcpListener;

    use super::*;
    use crate::{
        metrics::Metrics,
        web::{TrustedProxies, shared::Shared, slots::Slots},
    };

    #[tokio::test]
    async fn a_kept_connection_does_not_keep_the_room_of_its_last_request() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let mut client = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("it listens");
        let (socket, peer) = listener.accept().await.expect("it came");
        let shared = Arc::new(Shared::new(Metrics::new(), None, TrustedProxies::default()));
        let seat = Slots::new("test", 10, shared).enter(IpAddr::from([127, 0, 0, 1])).expect("there is room");
        assert!(peer.ip().is_loopback());
        let line = Line { socket, seat, answered: Cell::default(), going: RefCell::default() };
        let mut reader = Reader { line: Rc::new(line), buffer: BytesMut::new(), collect_max: 1 << 20 };
        let body = "x".repeat(200 << 10);
        let head = |framing: &str| format!("POST / HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n");
        let sized = head(&format!("Content-Length: {}", body.len())) + &body;
        let chunked =
            head("Transfer-Encoding: chunked") + &format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        for request in [sized, chunked] {
            client.write_all((request + "GET /next").as_bytes()).await.expect("it is open");
            reader.request().await.map(drop).expect("a request");
            while reader.buffer.len() < "GET /next".len() {
                reader.more(HEAD_ROOM).await.expect("the rest");
            }
            assert!(reader.buffer.capacity() < 4 << 10, "{} bytes", reader.buffer.capacity());
            reader.buffer.clear();
            reader.line.seat.begin(Class::Kept).expect("it is open");
        }
    }
}
