//! `RabbitMQ` killed, stopped, blocked, restarted, and not there at all.

use std::time::Duration;

use mandate_broker::{LinkState, PublishError};

use crate::{
    bench::{consumer, numbers, publish_until_there, publisher},
    desk::{Desk, Mood},
    node::turn,
    until::{until, within},
};

/// Finding 1: with lapin's own recovery a pending confirm waits for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_dies_fails_what_is_pending_and_is_found_again_when_it_lives() {
    let mut turn = turn().await;
    let (publisher, running) = publisher(turn.settings());
    running.up().await;
    let load = tokio::spawn({
        let publisher = publisher.clone();
        async move {
            let mut confirmed = 0;
            loop {
                match publisher.publish(numbers(confirmed..confirmed + 100)).await {
                    Ok(()) => confirmed += 100,
                    Err(error) => return (confirmed, error),
                }
            }
        }
    });
    until("some load", || async { (!load.is_finished()).then_some(()) }).await;
    turn.kill().await;
    let (confirmed, error) = within(Duration::from_secs(12), load).await.expect("no panic");
    assert!(matches!(error, PublishError::Unknown { .. } | PublishError::Unavailable { .. }), "{error:?}");
    let error =
        within(Duration::from_secs(3), publisher.publish(numbers(0..1))).await.expect_err("it is dead");
    assert!(matches!(error, PublishError::Unavailable { .. }), "{error:?}");
    turn.restart().await;
    publish_until_there(&publisher, numbers(confirmed..confirmed + 100)).await;
    let desk = Desk::new(Mood::Accept);
    let consuming = consumer(turn.settings(), &desk);
    desk.has(0..confirmed + 100).await;
    consuming.stop().await;
    running.stop().await;
}

/// Finding 8: a blocked connection hangs, and a consumer on the same one with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_blocks_publishing_in_bounded_time_and_consuming_goes_on() {
    let turn = turn().await;
    let (publisher, running) = publisher(turn.settings());
    running.up().await;
    publisher.publish(numbers(0..300)).await.expect("confirmed");
    let desk = Desk::new(Mood::Hang);
    let consuming = consumer(turn.settings(), &desk);
    desk.after(1).await;
    turn.control(&["set_vm_memory_high_watermark", "absolute", "1MB"]);
    let error = until("an alarm", || async {
        within(Duration::from_secs(25), publisher.publish(numbers(300..301))).await.err()
    })
    .await;
    assert!(matches!(error, PublishError::Unknown { .. }), "the first one waits for its confirm: {error:?}");
    let next = publisher.publish(numbers(300..301)).await;
    assert!(
        matches!(next, Err(PublishError::Unavailable { .. })),
        "the next ones are refused at once: {next:?}"
    );
    assert!(matches!(running.link.borrow().state, LinkState::Blocked { .. }), "the connection stays");
    desk.set(Mood::Accept);
    desk.has(0..300).await;
    turn.control(&["set_vm_memory_high_watermark", "0.4"]);
    publish_until_there(&publisher, numbers(301..302)).await;
    desk.has([301]).await;
    consuming.stop().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_is_shown_while_it_lasts() {
    let turn = turn().await;
    let (publisher, running) = publisher(turn.settings());
    running.up().await;
    turn.control(&["set_vm_memory_high_watermark", "absolute", "1MB"]);
    let sending = tokio::spawn({
        let publisher = publisher.clone();
        async move { publisher.publish(numbers(0..1)).await }
    });
    until("it is shown", || async {
        matches!(running.link.borrow().state, LinkState::Blocked { .. }).then_some(())
    })
    .await;
    turn.control(&["set_vm_memory_high_watermark", "0.4"]);
    // It may have been given up and be made anew; either way it works again.
    let _outcome = sending.await.expect("no panic");
    publish_until_there(&publisher, numbers(0..1)).await;
    running.stop().await;
}

/// Finding 9: a broker that says nothing is noticed after twice the heartbeat.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_broker_is_noticed_by_its_heartbeat() {
    let turn = turn().await;
    let (publisher, running) = publisher(turn.settings_with("?heartbeat=2"));
    let desk = Desk::new(Mood::Accept);
    let consuming = consumer(turn.settings_with("?heartbeat=2"), &desk);
    running.up().await;
    consuming.up().await;
    turn.signal("-STOP");
    within(Duration::from_secs(12), running.down()).await;
    within(Duration::from_secs(12), consuming.down()).await;
    turn.signal("-CONT");
    publish_until_there(&publisher, numbers(0..1)).await;
    desk.has(0..1).await;
    consuming.stop().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_not_there_at_the_start_is_found_later() {
    let mut turn = turn().await;
    turn.kill().await;
    let (publisher, running) = publisher(turn.settings());
    let desk = Desk::new(Mood::Accept);
    let consuming = consumer(turn.settings(), &desk);
    running.down().await;
    turn.restart().await;
    publish_until_there(&publisher, numbers(0..1)).await;
    desk.has(0..1).await;
    consuming.stop().await;
    running.stop().await;
}

/// Killed and restarted under load: what was confirmed comes at least once. Finding 10: it is not given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_confirmed_is_missing_after_deaths_under_load() {
    let mut turn = turn().await;
    let (publisher, running) = publisher(turn.settings());
    let desk = Desk::new(Mood::Accept);
    let consuming = consumer(turn.settings(), &desk);
    let mut next = 0;
    for _ in 0..3 {
        for _ in 0..20 {
            publish_until_there(&publisher, numbers(next..next + 50)).await;
            next += 50;
        }
        turn.kill().await;
        turn.restart().await;
    }
    publish_until_there(&publisher, numbers(next..next + 1)).await;
    desk.has(0..=next).await;
    consuming.stop().await;
    running.stop().await;
}
