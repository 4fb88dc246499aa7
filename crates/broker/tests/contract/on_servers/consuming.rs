//! What becomes of deliveries.

use std::time::Duration;

use mandate_broker::LinkState;

use crate::{
    bench::{Running, consumer, hint, number, numbers, publish_until_there, publisher},
    desk::{Desk, Mood},
    node::{Turn, turn},
    until::{until, within},
};

/// Numbers that wait in the inbox, and a consumer of them.
struct Waiting {
    turn: Turn,
    /// The publisher's connection.
    running: Running,
    desk: Desk,
    consuming: Running,
}

impl Waiting {
    async fn with(count: u32, mood: Mood) -> Self {
        let turn = turn().await;
        let (publisher, running) = publisher(turn.settings());
        running.up().await;
        publisher.publish(numbers(0..count)).await.expect("confirmed");
        let desk = Desk::new(mood);
        let consuming = consumer(turn.settings(), &desk);
        Self { turn, running, desk, consuming }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_fails_is_kept_and_comes_again_and_nothing_new_is_taken() {
    let turn = turn().await;
    let (publisher, running) = publisher(turn.settings());
    running.up().await;
    publisher.publish(vec![number(1)]).await.expect("confirmed");
    let desk = Desk::new(Mood::Fail);
    let consuming = consumer(turn.settings(), &desk);
    desk.after(1).await;
    publisher.publish(vec![number(2)]).await.expect("confirmed");
    let batches = desk.after(3).await;
    for batch in &batches {
        let came: Vec<_> = batch.iter().map(|delivery| (hint(delivery), delivery.redelivered)).collect();
        assert_eq!(came, [(1, 0)], "the same batch, never given back in between");
    }
    desk.set(Mood::Accept);
    desk.has(1..3).await;
    consuming.stop().await;
    running.stop().await;
}

/// Prefetch is the only limit, and must be there again after a reconnect (finding 5).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_is_sent_ahead_than_wanted_before_and_after_a_reconnect() {
    let Waiting { turn, running, desk, consuming } = Waiting::with(900, Mood::Hang).await;
    // Which connection consumes, with which limit, and how many are under way.
    let consumers = async || {
        let path = format!("/queues/{}/mandate.inbox.callbacks", turn.vhost());
        let queue = turn.api().order("GET", &path, "").await;
        let consumer = &queue["consumer_details"][0];
        let connection = consumer["channel_details"]["connection_name"].as_str().map(str::to_owned);
        Some((connection?, consumer["prefetch_count"].as_u64()?, queue["messages_unacknowledged"].as_u64()?))
    };
    let full =
        async || consumers().await.filter(|(_, prefetch, under_way)| (*prefetch, *under_way) == (512, 512));
    let (before, ..) = until("512 are under way", full).await;
    turn.close_connections(2).await;
    until("512 are under way again", || async { full().await.filter(|(after, ..)| *after != before) }).await;
    desk.set(Mood::Accept);
    desk.has(0..900).await;
    consuming.stop().await;
    running.stop().await;
}

/// Findings 6 and 7: what a lost channel brought is not acknowledged on the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lost_connection_brought_comes_again_with_its_count() {
    let Waiting { turn, running, desk, consuming } = Waiting::with(20, Mood::Hang).await;
    desk.has(0..1).await;
    turn.close_connections(2).await;
    desk.set(Mood::Accept);
    until("each came twice, counted", || async {
        let came = desk.deliveries();
        (0..20).all(|number| came.contains(&(number, 1))).then_some(())
    })
    .await;
    // Nothing was acknowledged in the place of something else: the queue ends empty.
    until("the queue is empty", || async {
        let path = format!("/queues/{}/mandate.inbox.callbacks", turn.vhost());
        (turn.api().order("GET", &path, "").await["messages"] == 0).then_some(())
    })
    .await;
    consuming.stop().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_finishes_the_batches_in_hand_and_gives_the_rest_back() {
    let Waiting { turn, running, desk, consuming } = Waiting::with(900, Mood::Hang).await;
    let in_hand: usize = desk.after(3).await.iter().map(Vec::len).sum();
    let stopping = tokio::spawn(consuming.stop());
    desk.set(Mood::Accept);
    within(Duration::from_secs(20), stopping).await.expect("no panic");
    let after = Desk::new(Mood::Accept);
    let next = consumer(turn.settings(), &after);
    after.has(u32::try_from(in_hand).expect("few")..900).await;
    let again: Vec<u32> = after.numbers().into_iter().filter(|number| (*number as usize) < in_hand).collect();
    assert_eq!(again, [0_u32; 0], "the batches in hand were acknowledged");
    next.stop().await;
    running.stop().await;
}

/// While one is stored, the next one is decided.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_batches_are_dealt_with_at_once_and_acknowledged_in_their_order() {
    let Waiting { turn: _turn, running, desk, consuming } = Waiting::with(900, Mood::Hang).await;
    let batches = desk.after(3).await;
    let in_hand: Vec<u128> = batches.iter().flatten().map(hint).collect();
    assert!(in_hand.is_sorted(), "in their order");
    // When the first one fails, those behind it are given up, and nothing comes before it.
    desk.set(Mood::Fail);
    for batch in &desk.after(6).await[3..] {
        assert_eq!(batch, &batches[0]);
    }
    desk.set(Mood::Accept);
    desk.has(0..900).await;
    consuming.stop().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_a_batch_that_only_fails() {
    let Waiting { turn, running, desk, consuming } = Waiting::with(3, Mood::Fail).await;
    desk.after(1).await;
    within(Duration::from_secs(10), consuming.stop()).await;
    desk.set(Mood::Accept);
    let next = consumer(turn.settings(), &desk);
    until("they come again", || async {
        let came = desk.deliveries();
        (0..3).all(|number| came.iter().any(|(n, count)| *n == number && *count > 0)).then_some(())
    })
    .await;
    next.stop().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_consumers_one_works_and_the_other_takes_over() {
    let turn = turn().await;
    let (publisher, running) = publisher(turn.settings());
    running.up().await;
    let (one, other) = (Desk::new(Mood::Accept), Desk::new(Mood::Accept));
    let first = consumer(turn.settings(), &one);
    publisher.publish(numbers(0..1)).await.expect("confirmed");
    one.has(0..1).await;
    let second = consumer(turn.settings(), &other);
    second.up().await;
    publisher.publish(numbers(1..50)).await.expect("confirmed");
    one.has(0..50).await;
    assert_eq!(other.numbers(), [0_u32; 0], "it waits");
    first.stop().await;
    publisher.publish(numbers(50..100)).await.expect("confirmed");
    other.has(50..100).await;
    second.stop().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_deleted_under_the_consumer_is_made_anew() {
    let turn = turn().await;
    let (publisher, running) = publisher(turn.settings());
    running.up().await;
    let desk = Desk::new(Mood::Accept);
    let consuming = consumer(turn.settings(), &desk);
    publisher.publish(numbers(0..1)).await.expect("confirmed");
    desk.has(0..1).await;
    turn.delete_queue("mandate.inbox.callbacks").await;
    // Until it is there again a publish is returned, and the relay keeps the callback.
    until("it is taken again", || async { publisher.publish(numbers(1..2)).await.ok() }).await;
    desk.has(1..2).await;
    consuming.stop().await;
    running.stop().await;
}

/// It is tried again like a broker that is away: a connection that may do nothing never counts as one that works.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_may_not_read_is_never_up_and_begins_once_it_may() {
    let turn = turn().await;
    let may_read = async |read: &str| {
        let rights = serde_json::json!({ "configure": ".*", "write": ".*", "read": read }).to_string();
        turn.api().order("PUT", &format!("/permissions/{}/guest", turn.vhost()), &rights).await;
    };
    may_read("^mandate\\.(inbox|messages)$").await;
    let desk = Desk::new(Mood::Accept);
    let consuming = consumer(turn.settings(), &desk);
    let mut link = consuming.link.clone();
    let mut refusals = 0;
    while refusals < 6 {
        within(Duration::from_secs(20), link.changed()).await.expect("it goes on");
        let state = link.borrow_and_update().state.clone();
        match state {
            LinkState::Down { reason } => {
                assert!(reason.contains("ACCESS_REFUSED") || reason.contains("access"), "{reason}");
                refusals += 1;
            }
            other => assert_eq!(other, LinkState::Connecting),
        }
    }
    may_read(".*").await;
    let (publisher, running) = publisher(turn.settings());
    publish_until_there(&publisher, numbers(0..1)).await;
    desk.has(0..1).await;
    consuming.stop().await;
    running.stop().await;
}
