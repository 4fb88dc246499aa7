//! Bodies that are too large to be kept, on their way to `WeChat`. How long one takes is up to its size: what counts is that its
//! sender keeps a minimum rate, and that `WeChat` keeps taking it.

use std::{collections::VecDeque, io, time::Duration};

use actix_web::{
    rt,
    web::{Bytes, Payload},
};
use futures_util::StreamExt;
use mandate_runtime::web::CLIENT_RATE;
use tokio::{
    sync::{
        mpsc::{self, error::SendTimeoutError},
        watch,
    },
    time::{Instant, timeout},
};

use super::SILENCE_MAX;
use crate::BodyError;

/// The largest body; WeChat's largest upload is 10 MB.
pub(super) const SENT_MAX: usize = 32 << 20;
/// Bytes that have to arrive within any [`WINDOW`].
const NEEDED: usize = RATE * 15;
/// What the rate is measured over.
const WINDOW: Duration = Duration::from_secs(15);
/// Bytes a second, as for every body that is passed on.
pub(crate) const RATE: usize = CLIENT_RATE as usize;
/// The longest that an upload can take at that rate.
pub(super) const UPLOAD_MAX: Duration = Duration::from_secs((SENT_MAX / RATE) as u64);
/// Arrivals closer together than this are noted as one.
const TOGETHER: Duration = Duration::from_millis(100);
/// Chunks that wait between the caller and `WeChat`.
const CHUNKS: usize = 8;

/// What the caller sends, as it comes.
pub(super) struct Incoming {
    payload: Payload,
    pace: Pace,
}

impl Incoming {
    pub(super) fn new(payload: Payload) -> Self {
        Self { payload, pace: Pace::new() }
    }

    /// The next bytes; `None`: that was all.
    ///
    /// # Errors
    ///
    /// [`BodyError::TooSlowly`], [`BodyError::Broken`].
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        let asked = Instant::now();
        let next = timeout(self.pace.patience(), self.payload.next()).await;
        let chunk =
            next.map_err(|_elapsed| BodyError::TooSlowly)?.transpose().map_err(|_| BodyError::Broken)?;
        self.pace.note(asked.elapsed(), chunk.as_ref().map_or(0, Bytes::len));
        Ok(chunk)
    }
}

/// The rate at which a body arrives. Its clock runs only while its sender is waited for: that `WeChat` is slow is not his fault.
struct Pace {
    clock: Duration,
    /// When so many bytes came, the oldest first; all that are needed to have enough, and no more.
    arrived: VecDeque<(Duration, usize)>,
    /// How many they are together.
    within: usize,
}

impl Pace {
    /// At the start enough has come for a whole window.
    fn new() -> Self {
        Self { clock: Duration::ZERO, arrived: [(Duration::ZERO, NEEDED)].into(), within: NEEDED }
    }

    /// How long the next bytes may take: until those that came first are out of the window and the others too few.
    fn patience(&mut self) -> Duration {
        while let Some((_, bytes)) = self.arrived.front().filter(|(_, bytes)| self.within - bytes >= NEEDED) {
            self.within -= bytes;
            self.arrived.pop_front();
        }
        let oldest = self.arrived.front().map_or(Duration::ZERO, |(at, _)| *at);
        (oldest + WINDOW).saturating_sub(self.clock)
    }

    fn note(&mut self, waited: Duration, bytes: usize) {
        self.clock += waited;
        self.within += bytes;
        match self.arrived.back_mut() {
            Some((at, there)) if *at + TOGETHER > self.clock => *there += bytes,
            Some(_) | None => self.arrived.push_back((self.clock, bytes)),
        }
    }
}

/// How far an upload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Upload {
    /// More is to come.
    Running,
    /// All of it has been passed on, or as much as `WeChat` wanted before it answered.
    PassedOn,
    /// Something is wrong with what the caller sends.
    Failed(BodyError),
    /// `WeChat` takes no more.
    NotTaken,
}

/// The way of an upload to `WeChat`.
pub(super) struct Way {
    pub(super) chunks: mpsc::Receiver<io::Result<Bytes>>,
    pub(super) state: watch::Receiver<Upload>,
}

/// Passes a body on as fast as it is taken: its beginning, which has been read, and the rest. It stays on this thread, as the
/// payload has to; whoever takes the chunks may be anywhere.
pub(super) fn pump(start: Bytes, mut incoming: Incoming) -> Way {
    let (sender, chunks) = mpsc::channel(CHUNKS);
    let (told, state) = watch::channel(Upload::Running);
    rt::spawn(async move {
        let end = pass_on(start, &mut incoming, &sender).await;
        let failed = !matches!(end, Upload::PassedOn);
        told.send_replace(end);
        if failed {
            // A request that just ended would look whole where no length was given.
            sender.try_send(Err(io::Error::other("the upload has failed"))).ok();
        }
    });
    Way { chunks, state }
}

async fn pass_on(start: Bytes, incoming: &mut Incoming, sender: &mpsc::Sender<io::Result<Bytes>>) -> Upload {
    let (mut sent, mut next) = (start.len(), Some(start));
    while let Some(chunk) = next {
        match sender.send_timeout(Ok(chunk), SILENCE_MAX).await {
            Ok(()) => {}
            Err(SendTimeoutError::Timeout(_)) => return Upload::NotTaken,
            Err(SendTimeoutError::Closed(_)) => return Upload::PassedOn,
        }
        next = match incoming.next().await {
            Ok(next) => next,
            Err(error) => return Upload::Failed(error),
        };
        sent += next.as_ref().map_or(0, Bytes::len);
        if sent > SENT_MAX {
            return Upload::Failed(BodyError::TooLarge(SENT_MAX));
        }
    }
    Upload::PassedOn
}

#[cfg(test)]
mod tests {
    use actix_web::{FromRequest, dev, error::PayloadError, test::TestRequest};
    use futures_util::stream;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// After how long a body is given up that comes in these steps, for ever; `None`: not within an hour.
    fn given_up(bytes: usize, every: Duration) -> Option<Duration> {
        let mut pace = Pace::new();
        while pace.clock < 3_600 * SECOND {
            let patience = pace.patience();
            if patience < every {
                return Some(pace.clock + patience);
            }
            pace.note(every, bytes);
            assert!(pace.arrived.len() < 1_000, "what is remembered is bounded");
        }
        None
    }

    #[test]
    fn who_keeps_the_rate_is_never_given_up_however_long_it_takes() {
        for (bytes, every) in
            [(RATE, SECOND), (RATE / 8, SECOND / 8), (NEEDED, WINDOW), (1 << 20, 14 * SECOND)]
        {
            assert_eq!(given_up(bytes, every), None, "{bytes} bytes every {every:?}");
        }
    }

    #[test]
    fn who_drips_is_given_up_after_a_window() {
        for (bytes, every) in [
            (1, SECOND),
            (1, SECOND / 100),
            (RATE - 1, SECOND),
            (1_000, SECOND),
            (0, SECOND),
            (1 << 20, 16 * SECOND),
        ] {
            assert_eq!(given_up(bytes, every), Some(WINDOW), "{bytes} bytes every {every:?}");
        }
    }

    #[test]
    fn a_burst_is_no_credit_beyond_its_window() {
        let mut pace = Pace::new();
        pace.note(SECOND, 10 << 20);
        assert_eq!(pace.patience(), WINDOW);
        pace.note(14 * SECOND, 1);
        assert_eq!(pace.patience(), SECOND);
    }

    /// A body that comes in these pieces, each so long after the one before.
    async fn body<I>(pieces: I) -> Incoming
    where
        I: IntoIterator<Item = (Duration, Result<usize, PayloadError>)>,
        I::IntoIter: 'static,
    {
        let pieces = stream::unfold(pieces.into_iter(), |mut pieces| async move {
            let (wait, bytes) = pieces.next()?;
            tokio::time::sleep(wait).await;
            Some((bytes.map(|bytes| Bytes::from(vec![b'x'; bytes])), pieces))
        });
        let mut payload =
            dev::Payload::from(Box::pin(pieces) as std::pin::Pin<Box<dyn stream::Stream<Item = _>>>);
        let request = TestRequest::default().to_http_request();
        Incoming::new(Payload::from_request(&request, &mut payload).await.unwrap())
    }

    /// Passes a body on to somebody who takes a piece every so often; how it ends, and after how long.
    async fn passed_on(mut incoming: Incoming, every: Duration) -> (Upload, Duration) {
        let (sender, mut chunks) = mpsc::channel(1);
        let begun = Instant::now();
        let take = async {
            while chunks.recv().await.is_some() {
                tokio::time::sleep(every).await;
            }
        };
        let pass = async {
            let end = pass_on(Bytes::from_static(b"start"), &mut incoming, &sender).await;
            drop(sender);
            (end, begun.elapsed())
        };
        tokio::join!(pass, take).0
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_given_up_and_a_steady_one_may_take_long() {
        let drips = std::iter::repeat_with(|| (SECOND, Ok(1)));
        let (end, took) = passed_on(body(drips).await, Duration::ZERO).await;
        assert_eq!((end, took), (Upload::Failed(BodyError::TooSlowly), WINDOW));
        let stalls = [(SECOND, Ok(1 << 20)), (3_600 * SECOND, Ok(1))];
        let (end, took) = passed_on(body(stalls).await, Duration::ZERO).await;
        assert_eq!((end, took), (Upload::Failed(BodyError::TooSlowly), SECOND + WINDOW));
        let steady = (0..2_000).map(|_| (SECOND, Ok(RATE)));
        let (end, took) = passed_on(body(steady).await, Duration::ZERO).await;
        assert_eq!((end, took), (Upload::PassedOn, 2_000 * SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn that_wechat_takes_it_slowly_is_not_the_sender_s_fault() {
        let quick = (0..100).map(|_| (Duration::ZERO, Ok(10)));
        let (end, took) = passed_on(body(quick).await, 29 * SECOND).await;
        assert!(end == Upload::PassedOn && took > 90 * 29 * SECOND, "{end:?} {took:?}");
        let quick = (0..100).map(|_| (Duration::ZERO, Ok(10)));
        let (end, _) = passed_on(body(quick).await, 10 * SILENCE_MAX).await;
        assert_eq!(end, Upload::NotTaken);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_heard_enough_may_answer_before_the_end() {
        let (sender, chunks) = mpsc::channel(1);
        drop(chunks);
        let mut endless = body(std::iter::repeat_with(|| (SECOND, Ok(RATE)))).await;
        assert_eq!(pass_on(Bytes::from_static(b"start"), &mut endless, &sender).await, Upload::PassedOn);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_breaks_off_or_is_too_large_says_so() {
        let broken = [(SECOND, Ok(10)), (SECOND, Err(PayloadError::Incomplete(None)))];
        assert_eq!(passed_on(body(broken).await, Duration::ZERO).await.0, Upload::Failed(BodyError::Broken));
        let large = (0..33).map(|_| (SECOND, Ok(1 << 20)));
        let end = passed_on(body(large).await, Duration::ZERO).await.0;
        assert_eq!(end, Upload::Failed(BodyError::TooLarge(SENT_MAX)));
    }
}
