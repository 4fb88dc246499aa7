//! One request and its answer, as a stream for actix: it reads exactly the bytes of this request, and what it writes goes out.
//! actix ends with the answer; the connection is ours, and may serve the next one.

use std::{
    cell::{Cell, RefCell},
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use actix_web::{
    rt::net::TcpStream,
    web::{Buf, BytesMut},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    chunked::{Chunked, LAST_CHUNK, put_chunk},
    class::Class,
    head::After,
    slots::Seat,
};

/// The longest head of an answer.
const ANSWER_HEAD_MAX: usize = 64 << 10;
/// Read at once from a body that is passed on.
const PIECE: usize = 16 << 10;
/// What a client must send of a body that is passed on, and take of an answer, each second, in bytes, on average and beyond
/// its first seconds. Only the time in which we wait for it counts.
pub const CLIENT_RATE: u32 = 4 << 10;
/// A handler that wants long bodies has a limit of its own, which it can explain to its caller. Ours comes so much later.
const BEHIND_HANDLERS: Duration = Duration::from_secs(15);
/// What a body that is passed on may hold in actix's buffers.
pub(super) const PASSED_ON_HELD: usize = 64 << 10;

/// What came of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Answered {
    /// There is no whole answer.
    #[default]
    No,
    /// The answer says that the connection ends, or nothing.
    ThenClose,
    /// The same, and the client is still sending its body.
    Early,
    /// The answer does not say that it ends.
    ThenNext,
}

/// What connection and exchange share.
pub(super) struct Line {
    pub(super) socket: TcpStream,
    pub(super) seat: Seat,
    pub(super) answered: Cell<Answered>,
    /// How long the client has been waited for to take answers, over all of them.
    pub(super) going: RefCell<Patience>,
}

impl Line {
    /// Sends some of the bytes, or waits until the client takes some.
    fn poll_send(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut patience = self.going.borrow_mut();
        loop {
            if self.socket.poll_write_ready(context)?.is_pending() {
                self.seat.wait(Class::Stalled, patience.wait(), Duration::ZERO);
                return Poll::Pending;
            }
            match self.socket.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(written) => {
                    patience.earn(written);
                    self.seat.go_on(Class::Stalled);
                    return Poll::Ready(Ok(written));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

/// One request and its answer.
pub(super) struct Exchange {
    line: Rc<Line>,
    request: BytesMut,
    more: More,
    after: After,
    answer: BytesMut,
    /// How much of the answer may go out: its head only when it is complete.
    ready: usize,
    has_head: bool,
    coming: Patience,
}

/// How long has been waited for a client, less what its bytes have earned.
#[derive(Debug, Default)]
pub(super) struct Patience {
    since: Option<Instant>,
    spent: Duration,
}

impl Patience {
    fn wait(&mut self) -> Duration {
        self.since.get_or_insert_with(Instant::now);
        self.spent
    }

    fn earn(&mut self, bytes: usize) {
        let waited = self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        let earned = Duration::from_secs(bytes as u64) / CLIENT_RATE;
        self.spent = (self.spent + waited).saturating_sub(earned);
    }
}

/// What of the request is still on its way.
pub(super) enum More {
    Nothing,
    Length(u64),
    Chunks { chunked: Chunked, wire: BytesMut },
}

impl More {
    fn is_complete(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Length(left) => *left == 0,
            Self::Chunks { chunked, .. } => chunked.is_complete(),
        }
    }
}

impl Exchange {
    /// `request` is what has come, `more` the rest.
    pub(super) fn new(line: Rc<Line>, request: BytesMut, more: More, after: After) -> Self {
        line.answered.set(Answered::No);
        let (answer, coming) = (BytesMut::new(), Patience::default());
        Self { line, request, more, after, answer, ready: 0, has_head: false, coming }
    }

    /// Reads more of the body. `false`: there is none any more.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let Self { line, request, more, coming, .. } = self;
        loop {
            if line.socket.poll_read_ready(context)?.is_pending() {
                line.seat.wait(Class::Body, coming.wait(), BEHIND_HANDLERS);
                return Poll::Pending;
            }
            let mut piece = [0; PIECE];
            let most = match more {
                More::Nothing => return Poll::Ready(Ok(false)),
                More::Length(left) => PIECE.min(usize::try_from(*left).unwrap_or(PIECE)),
                More::Chunks { .. } => PIECE,
            };
            let read = match line.socket.try_read(&mut piece[..most]) {
                Ok(0) => return Poll::Ready(Ok(false)),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Poll::Ready(Err(error)),
            };
            coming.earn(read);
            line.seat.go_on(Class::Body);
            match more {
                More::Nothing => {}
                More::Length(left) => {
                    *left -= read as u64;
                    request.extend_from_slice(&piece[..read]);
                }
                More::Chunks { chunked, wire } => {
                    wire.extend_from_slice(&piece[..read]);
                    let mut data = BytesMut::new();
                    chunked
                        .take(wire, &mut data)
                        .map_err(|_bad| io::Error::from(io::ErrorKind::InvalidData))?;
                    put_chunks(&data, chunked, request);
                }
            }
            if !request.is_empty() {
                return Poll::Ready(Ok(true));
            }
        }
    }

    /// Finds the head of the answer, and whether the connection can be used again.
    fn look_at_answer(&mut self) {
        while !self.has_head {
            let written = &self.answer[self.ready..];
            let Some(end) = find(written, b"\r\n\r\n").map(|at| self.ready + at + 4) else {
                if self.answer.len() > ANSWER_HEAD_MAX {
                    self.has_head = true; // no answer of ours has such a head: it goes out, and nothing after it
                    break;
                }
                return;
            };
            if written.starts_with(b"HTTP/1.1 1") {
                self.ready = end; // 100 Continue; the answer is still to come
                continue;
            }
            self.has_head = true;
            // Nobody waits for the body any more.
            self.line.seat.go_on(Class::Body);
            let answered = match self.after {
                _ if !self.more.is_complete() => Answered::Early,
                After::Next if !self.line.seat.is_crowded() => Answered::ThenNext,
                After::Next | After::Close => Answered::ThenClose,
            };
            if answered == Answered::ThenNext {
                self.unclose(end);
            }
            self.line.answered.set(answered);
        }
        self.ready = self.answer.len();
    }

    /// Takes the line that announces the end of the connection out of the answer's head: actix serves one request each time.
    fn unclose(&mut self, end: usize) {
        const CLOSE: &[u8] = b"\r\nconnection: close\r\n";
        if let Some(at) = find(&self.answer[self.ready..end], CLOSE).map(|at| self.ready + at) {
            let behind = self.answer.split_off(at + CLOSE.len() - 2);
            self.answer.truncate(at);
            self.answer.unsplit(behind);
        }
    }

    fn poll_out(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.ready > 0 {
            let written = ready!(self.line.poll_send(context, &self.answer[..self.ready]))?;
            self.answer.advance(written);
            self.ready -= written;
        }
        Poll::Ready(Ok(()))
    }
}

/// Adds what has come of the chunks to the request, as chunks of our own.
pub(super) fn put_chunks(data: &[u8], chunked: &Chunked, request: &mut BytesMut) {
    if !data.is_empty() {
        put_chunk(data, request);
    }
    if chunked.is_complete() {
        request.extend_from_slice(LAST_CHUNK);
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window.eq_ignore_ascii_case(wanted))
}

impl AsyncRead for Exchange {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.request.is_empty() {
            if self.more.is_complete() {
                return Poll::Pending; // actix ends with the answer, nobody needs to wake it
            }
            // Who is answered before the end of his body is not listened to any more.
            if self.has_head || !ready!(self.poll_more(context))? {
                return Poll::Ready(Ok(()));
            }
        }
        let some = self.request.len().min(buffer.remaining());
        buffer.put_slice(&self.request.split_to(some));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Exchange {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_out(context))?;
        if self.has_head {
            return self.line.poll_send(context, bytes);
        }
        self.answer.extend_from_slice(bytes);
        self.look_at_answer();
        if self.has_head && !self.more.is_complete() {
            context.waker().wake_by_ref();
        }
        // What does not go out now goes out before anything else.
        let _ = self.poll_out(context)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_out(context)
    }

    /// Only the answer ends here.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}
