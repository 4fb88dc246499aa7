//! The appender on a log that only notes what it is asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;
use jiff::Timestamp;
use mandate_schema::{AuthorizerId, CommandId, ComponentId, Position, StreamName, Version};
use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};
use uuid::Uuid;

use super::{AppendObserver, Appender, BATCH_MAX, BatchLog, LINGER, QUEUE, REPEAT_AFTER, Unobserved};
use crate::{Append, Appended, Command, StorageError, TokenChange};

type Result<T> = std::result::Result<T, StorageError>;

/// What the log does with a call, once.
enum Trouble {
    /// Answers that it is away.
    Away,
    /// Answers that it cannot be read.
    Unreadable,
}

/// Notes each call; answers each command with its number as position.
#[derive(Clone)]
struct Notes {
    calls: Arc<Mutex<Vec<Vec<u128>>>>,
    troubles: Arc<Mutex<VecDeque<Trouble>>>,
    /// The command that is refused whenever it comes.
    refused: Option<u128>,
    /// The command that comes too late for its stream.
    late: Option<u128>,
    /// The command that never ends in time.
    endless: Option<u128>,
    /// Whether it is free.
    is_free: bool,
    /// Commands of one call that it manages in time.
    most: usize,
    /// Told of each call.
    called: Arc<Notify>,
    /// A call needs one of these to be answered.
    permits: Arc<Semaphore>,
}

impl Notes {
    /// A log that answers at once.
    fn quick() -> Self {
        Self::held(Semaphore::MAX_PERMITS)
    }

    /// A log that answers so many calls, and the others once permits are added.
    fn held(permits: usize) -> Self {
        Self {
            calls: Arc::default(),
            troubles: Arc::default(),
            refused: None,
            late: None,
            endless: None,
            is_free: false,
            most: usize::MAX,
            called: Arc::default(),
            permits: Arc::new(Semaphore::new(permits)),
        }
    }

    fn troubled(troubles: impl IntoIterator<Item = Trouble>) -> Self {
        let log = Self::quick();
        log.troubles.lock().unwrap().extend(troubles);
        log
    }

    fn calls(&self) -> Vec<Vec<u128>> {
        self.calls.lock().unwrap().clone()
    }

    fn start(&self) -> Appender {
        Appender::on(self.clone(), Arc::new(Unobserved))
    }
}

impl BatchLog for Notes {
    async fn append_batch(&self, commands: Vec<Command>) -> Result<Vec<Appended>> {
        let numbers: Vec<u128> = commands.iter().map(|command| command.id().0.as_u128()).collect();
        let streams: Vec<StreamName> = commands.iter().filter_map(Command::stream).cloned().collect();
        self.calls.lock().unwrap().push(numbers.clone());
        self.called.notify_one();
        self.permits.acquire().await.expect("never closed").forget();
        match self.troubles.lock().unwrap().pop_front() {
            Some(Trouble::Away) => return Err(StorageError::Unavailable("away".into())),
            Some(Trouble::Unreadable) => return Err(StorageError::Unreadable("broken".into())),
            None => {}
        }
        if numbers.len() > self.most || numbers.iter().any(|number| Some(*number) == self.endless) {
            return Err(StorageError::Unavailable("too slow".into()));
        }
        if numbers.iter().any(|number| Some(*number) == self.refused) {
            return Err(StorageError::Data("refused".into()));
        }
        // A chain counts up to its first conflict.
        let late = numbers.iter().position(|number| Some(*number) == self.late);
        let is_void = |at: usize| late.is_some_and(|late| at >= late && streams[at] == streams[late]);
        let answers = numbers.iter().enumerate();
        let answer = |(at, number): (usize, &u128)| {
            if is_void(at) { Appended::Conflict } else { answer(*number) }
        };
        Ok(answers.map(answer).collect())
    }

    async fn is_free(&self) -> bool {
        self.is_free
    }
}

/// What [`Notes`] answers to a command.
fn answer(number: u128) -> Appended {
    Appended::Stored(Some(Position(u64::try_from(number).expect("small"))))
}

/// Command `number` on the stream of account `account`.
fn on(account: u32, number: u128) -> Command {
    let component = ComponentId::parse("wx1f2e3d4c5b6a7988").unwrap();
    let account = AuthorizerId::parse(&format!("wxa{account}")).unwrap();
    Command::Decided(Box::new(Append {
        command: CommandId(Uuid::from_u128(number)),
        stream: StreamName::Authorizer(component, account),
        expected: Version(0),
        events: Vec::new(),
        state: None,
        tasks: Vec::new(),
        keys: Vec::new(),
        token: TokenChange::Keep,
        erases: None,
        redeems: Vec::new(),
        finishes: None,
        recorded_at: Timestamp::UNIX_EPOCH,
    }))
}

/// Appends all at once, in this order; each must get its own answer.
async fn append_all(appender: &Appender, commands: Vec<Command>) {
    // A task each: polled in one, they would lose their order once tokio's budget for a task is used up.
    let spawn = |command: Command| {
        let (appender, number) = (appender.clone(), command.id().0.as_u128());
        (number, tokio::spawn(async move { appender.append(command).await }))
    };
    let callers: Vec<_> = commands.into_iter().map(spawn).collect();
    for (number, caller) in callers {
        let answered = caller.await.unwrap().unwrap();
        assert_eq!(answered, answer(number), "an answer went to the wrong caller");
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_together_is_one_batch() {
    let log = Notes::quick();
    append_all(&log.start(), (1..=20).map(|n| on(u32::try_from(n).unwrap() + 10, n)).collect()).await;
    assert_eq!(log.calls(), [(1..=20).collect::<Vec<_>>()]);
}

#[tokio::test(start_paused = true)]
async fn a_lone_caller_does_not_wait_for_company() {
    let log = Notes::quick();
    let appender = log.start();
    let started = Instant::now();
    append_all(&appender, vec![on(11, 1)]).await;
    append_all(&appender, vec![on(11, 2)]).await;
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(log.calls(), [[1], [2]]);
}

#[tokio::test(start_paused = true)]
async fn while_several_callers_append_a_command_that_comes_within_the_linger_joins_the_batch() {
    let log = Notes::quick();
    let appender = log.start();
    append_all(&appender, vec![on(14, 4), on(15, 5)]).await;
    let later = async |after, command| {
        tokio::time::sleep(after).await;
        append_all(&appender, vec![command]).await;
    };
    let (soon, late) = (LINGER / 2, LINGER * 2);
    tokio::join!(later(Duration::ZERO, on(11, 1)), later(soon, on(12, 2)), later(late, on(13, 3)));
    assert_eq!(log.calls(), [vec![4, 5], vec![1, 2], vec![3]]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_during_a_call_is_the_next_batch() {
    let log = Notes::held(0);
    let appender = log.start();
    let first = tokio::spawn({
        let appender = appender.clone();
        async move { append_all(&appender, vec![on(11, 1)]).await }
    });
    log.called.notified().await;
    let permits = log.permits.clone();
    let rest = append_all(&appender, (2..=30).map(|n| on(u32::try_from(n).unwrap() + 10, n)).collect());
    tokio::join!(rest, async move { permits.add_permits(2) });
    first.await.unwrap();
    assert_eq!(log.calls(), [vec![1], (2..=30).collect()]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_holds_the_commands_of_one_caller_for_each_stream_and_keeps_their_order() {
    let log = Notes::quick();
    let commands = vec![on(11, 1), on(11, 2), on(12, 3), on(11, 4), on(13, 5), on(12, 6), on(14, 7)];
    append_all(&log.start(), commands).await;
    assert_eq!(log.calls(), [vec![1, 3, 5, 7], vec![2, 6], vec![4]]);
}

#[tokio::test(start_paused = true)]
async fn what_one_caller_submits_is_a_chain_in_one_batch() {
    let log = Notes::quick();
    let answers = log.start().append_all(vec![on(11, 1), on(11, 2), on(12, 3), on(11, 4)]).await;
    assert_eq!(log.calls(), [[1, 2, 3, 4]]);
    let answers: Vec<_> = answers.into_iter().map(|answer| answer.unwrap()).collect();
    assert_eq!(answers, [1, 2, 3, 4].map(answer));
}

#[tokio::test(start_paused = true)]
async fn a_chain_longer_than_a_batch_goes_on_in_the_next_one_before_other_callers() {
    let log = Notes::held(0);
    let appender = log.start();
    let length = u128::try_from(BATCH_MAX).unwrap() + 44;
    let chain = tokio::spawn({
        let appender = appender.clone();
        async move { appender.append_all((1..=length).map(|n| on(11, n)).collect()).await }
    });
    log.called.notified().await;
    let other = append_all(&appender, vec![on(11, length + 1)]);
    tokio::join!(other, async { log.permits.add_permits(3) });
    assert!(chain.await.unwrap().into_iter().all(|answer| answer.is_ok()));
    let calls = log.calls();
    assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [BATCH_MAX, 44, 1]);
    assert_eq!(calls.concat(), (1..=length + 1).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_is_taken_apart_ends_with_its_first_command_that_is_not_stored() {
    let log = Notes { late: Some(2), refused: Some(5), ..Notes::quick() };
    let chain = vec![on(11, 1), on(11, 2), on(11, 3), on(12, 4), on(13, 5), on(11, 6)];
    let answers = log.start().append_all(chain).await;
    assert_eq!(log.calls(), [vec![1, 2, 3, 4, 5, 6], vec![1, 2, 3], vec![4, 5], vec![4], vec![5]]);
    let is_conflict = |index: usize| matches!(answers[index], Ok(Appended::Conflict));
    assert_eq!([1, 2, 5].map(is_conflict), [true; 3]);
    assert_eq!((answers[0].as_ref().unwrap(), answers[3].as_ref().unwrap()), (&answer(1), &answer(4)));
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_chain_whose_first_part_was_not_stored_is_decided_again() {
    let length = u128::try_from(BATCH_MAX).unwrap() + 2;
    let log = Notes { late: Some(length - 2), ..Notes::quick() };
    let chain = (1..=length).map(|number| on(11, number)).collect();
    let answers = log.start().append_all(chain).await;
    assert_eq!(log.calls(), [(1..=length - 2).collect::<Vec<_>>()], "the rest is not tried");
    let conflicts = answers.iter().filter(|answer| matches!(answer, Ok(Appended::Conflict))).count();
    assert_eq!(conflicts, 3);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_never_ends_in_time_goes_behind_the_others_and_fails_for_its_caller_alone() {
    let log = Notes { endless: Some(1), is_free: true, ..Notes::quick() };
    let appender = log.start();
    let endless = tokio::spawn({
        let appender = appender.clone();
        async move { appender.append(on(11, 1)).await }
    });
    log.called.notified().await;
    append_all(&appender, (2..=30).map(|n| on(u32::try_from(n).unwrap() + 10, n)).collect()).await;
    assert!(!endless.is_finished(), "the others do not wait for it");
    append_all(&appender, vec![on(11, 31)]).await;
    assert!(matches!(endless.await.unwrap(), Err(StorageError::Stuck(_))), "others were stored meanwhile");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_never_ends_in_time_may_be_tried_again_if_no_other_was_stored_meanwhile() {
    let log = Notes { endless: Some(1), is_free: true, ..Notes::quick() };
    let endless = log.start().append(on(11, 1)).await;
    assert!(matches!(endless, Err(StorageError::Unavailable(_))));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_never_larger_than_its_limit() {
    let log = Notes::quick();
    let count = u128::try_from(BATCH_MAX).unwrap() * 2 + 10;
    let commands = (1..=count).map(|n| on(u32::try_from(n).unwrap() + 10, n)).collect();
    append_all(&log.start(), commands).await;
    let calls = log.calls();
    assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [BATCH_MAX, BATCH_MAX, 10]);
    assert_eq!(calls.concat(), (1..=count).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn one_hot_stream_is_answered_in_order_and_blocks_no_other() {
    let log = Notes::quick();
    let hot = u128::try_from(BATCH_MAX).unwrap() + 50;
    let mut commands: Vec<_> = (1..=hot).map(|n| on(11, n)).collect();
    commands.push(on(12, hot + 1));
    append_all(&log.start(), commands).await;
    let calls = log.calls();
    let of_hot: Vec<_> = calls.concat().into_iter().filter(|n| *n <= hot).collect();
    assert_eq!(of_hot, (1..=hot).collect::<Vec<_>>());
    assert!(calls.iter().all(|call| call.iter().filter(|n| **n <= hot).count() <= 1));
    let other = calls.iter().position(|call| call.contains(&(hot + 1)));
    assert!(other.is_some_and(|call| call < 100), "it came at once and waited for call {other:?}");
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_hot_stream_stays_in_the_bounded_queue() {
    let log = Notes::held(0);
    let appender = log.start();
    let callers = tokio::spawn({
        let appender = appender.clone();
        async move { append_all(&appender, (1..=1_000).map(|n| on(11, n)).collect()).await }
    });
    log.called.notified().await;
    let queued = QUEUE - appender.requests.capacity();
    assert_eq!(queued, 1_000 - 1 - BATCH_MAX, "one is in the call, a batch is held back");
    log.permits.add_permits(1_000);
    callers.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_asked_for_again_with_the_same_ids() {
    let log = Notes::troubled([Trouble::Away, Trouble::Away]);
    let appender = log.start();
    let started = Instant::now();
    append_all(&appender, vec![on(11, 1), on(12, 2)]).await;
    assert_eq!(log.calls(), vec![vec![1, 2]; 3]);
    assert!(started.elapsed() >= REPEAT_AFTER * 2, "it does not hammer a database that is away");
    append_all(&appender, vec![on(11, 3)]).await;
    assert_eq!(log.calls().len(), 4, "and goes on as before");
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_together_is_tried_in_halves() {
    let log = Notes { most: 1, is_free: true, ..Notes::quick() };
    append_all(&log.start(), vec![on(11, 1), on(12, 2)]).await;
    assert_eq!(log.calls(), [vec![1, 2], vec![1, 2], vec![1, 2], vec![1], vec![2]]);
}

/// A log that is away is no reason to append one by one what fits together: each would be a commit of its own.
#[tokio::test(start_paused = true)]
async fn a_batch_stays_whole_while_the_log_is_away_or_busy() {
    let log = Notes::troubled((0..20).map(|_| Trouble::Away));
    append_all(&log.start(), vec![on(11, 1), on(12, 2), on(13, 3)]).await;
    assert_eq!(log.calls(), vec![vec![1, 2, 3]; 21]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_batch_is_repeated_in_halves() {
    let log = Notes { refused: Some(2), ..Notes::quick() };
    let appender = log.start();
    let answers = join_all([on(11, 1), on(12, 2), on(13, 3)].map(|command| appender.append(command))).await;
    assert_eq!(log.calls(), [vec![1, 2, 3], vec![1], vec![2, 3], vec![2], vec![3]]);
    assert_eq!(answers[0].as_ref().unwrap(), &answer(1));
    assert!(matches!(answers[1], Err(StorageError::Data(_))));
    assert_eq!(answers[2].as_ref().unwrap(), &answer(3));
}

#[tokio::test(start_paused = true)]
async fn a_command_refused_alone_is_not_tried_again() {
    let log = Notes { refused: Some(1), ..Notes::quick() };
    let refused = log.start().append(on(11, 1)).await;
    assert!(matches!(refused, Err(StorageError::Data(_))));
    assert_eq!(log.calls(), [[1]]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_in_the_middle_of_isolation_loses_no_answer() {
    let log = Notes::troubled([Trouble::Unreadable, Trouble::Away]);
    append_all(&log.start(), vec![on(11, 1), on(12, 2)]).await;
    assert_eq!(log.calls(), [vec![1, 2], vec![1], vec![1], vec![2]]);
}

#[tokio::test(start_paused = true)]
async fn callers_that_go_away_cost_the_others_nothing() {
    let log = Notes::held(0);
    let appender = log.start();
    let mut gone = Vec::new();
    let mut staying = Vec::new();
    for number in 1..=10_u32 {
        let appender = appender.clone();
        let caller = tokio::spawn(async move { appender.append(on(10 + number, number.into())).await });
        if number % 2 == 0 { &mut gone } else { &mut staying }.push((number, caller));
    }
    log.called.notified().await;
    for (_, caller) in &gone {
        caller.abort();
    }
    for (_, caller) in gone {
        assert!(caller.await.unwrap_err().is_cancelled());
    }
    log.permits.add_permits(1);
    for (number, caller) in staying {
        assert_eq!(caller.await.unwrap().unwrap(), answer(number.into()));
    }
    assert_eq!(log.calls(), [(1..=10).collect::<Vec<_>>()], "what was sent is appended all the same");
    log.permits.add_permits(1);
    append_all(&appender, vec![on(11, 11)]).await;
}

#[tokio::test(start_paused = true)]
async fn dropping_a_handle_leaves_the_others_at_work() {
    let log = Notes::quick();
    let appender = log.start();
    drop(appender.clone());
    append_all(&appender, vec![on(11, 1)]).await;
    assert_eq!(log.calls(), [[1]]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_away_does_not_keep_an_abandoned_appender_alive() {
    let log = Notes::troubled((0..1_000).map(|_| Trouble::Away));
    let appender = log.start();
    let caller = tokio::spawn(async move { appender.append(on(11, 1)).await });
    while log.calls().len() < 3 {
        tokio::time::advance(REPEAT_AFTER).await;
    }
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    // The batcher holds the other half of this counter as long as it runs.
    while Arc::strong_count(&log.calls) > 1 {
        tokio::time::advance(REPEAT_AFTER).await;
    }
    assert!(log.calls().len() < 10);
}

/// Counts what it is told.
#[derive(Default)]
struct Count(Mutex<Vec<(&'static str, usize)>>);

impl AppendObserver for Count {
    fn before(&self, commands: usize) {
        self.0.lock().unwrap().push(("before", commands));
    }

    fn after(&self, commands: usize, _: Duration) {
        self.0.lock().unwrap().push(("after", commands));
    }
}

#[tokio::test(start_paused = true)]
async fn the_observer_hears_of_each_call_and_of_each_known_outcome() {
    let log = Notes::troubled([Trouble::Away]);
    let count = Arc::new(Count::default());
    let appender = Appender::on(log, count.clone());
    append_all(&appender, vec![on(11, 1), on(12, 2)]).await;
    append_all(&appender, vec![on(11, 3)]).await;
    let expected = [("before", 2), ("before", 2), ("after", 2), ("before", 1), ("after", 1)];
    assert_eq!(*count.0.lock().unwrap(), expected);
}
