//! What follows from deliveries, step by step.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn stream(number: u8) -> StreamName {
    format!("authorizer/wx1f2e3d4c5b6a7988/wxa0b1c2d3e4f506{number:02}").parse().unwrap()
}

/// No answer came.
fn down(second: i64) -> Failure {
    Failure { at: at(second), asked: None, spread: 1.0, kind: FailureKind::Unanswered }
}

/// The receiver refused this very event.
fn refused(second: i64) -> Failure {
    Failure { kind: FailureKind::Refused, ..down(second) }
}

/// Fails at its time until `done`; the seconds of the attempts.
fn fails_until(progress: &mut Progress, done: impl Fn(&mut Progress, Verdict) -> bool) -> Vec<i64> {
    let mut attempts = vec![0];
    let mut now = at(0);
    loop {
        let verdict = progress.failed(&stream(1), Position(7), &down(now.as_second()));
        if done(progress, verdict) || attempts.len() > 20 {
            return attempts;
        }
        now = progress.held[&stream(1)].next_at;
        attempts.push(now.as_second());
    }
}

#[test]
fn an_event_is_tried_by_the_schedule_and_given_up_if_others_come_through() {
    let mut progress = Progress::behind(Position(7));
    let attempts = fails_until(&mut progress, |progress, verdict| {
        progress.delivered(at(1_000_000));
        verdict == Verdict::GivenUp
    });
    let waits: Vec<i64> = attempts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits, [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
    assert_eq!(progress.given_up, 1);
    let held = &progress.held[&stream(1)];
    assert_eq!((held.position, held.attempts), (Position(8), 0), "the stream goes on behind it");
}

#[test]
fn nothing_is_given_up_while_nothing_comes_through() {
    let mut progress = Progress::behind(Position(7));
    progress.delivered(at(-1));
    let attempts = fails_until(&mut progress, |_, verdict| verdict == Verdict::GivenUp);
    assert_eq!(attempts.len(), 21, "it goes on");
    assert_eq!(attempts[20] - attempts[19], 86_400);
    assert_eq!(progress.failing_since, Some(at(0)));
}

#[test]
fn a_receiver_is_left_alone_as_long_as_it_asks_but_a_day_at_most() {
    let mut progress = Progress::default();
    let mut next = |asked| {
        progress.held.clear();
        let asked = Some(Duration::from_secs(asked));
        progress.failed(&stream(1), Position(1), &Failure { asked, ..down(0) });
        progress.held[&stream(1)].next_at.as_second()
    };
    assert_eq!((next(1), next(60), next(1_000_000)), (5, 60, 86_400));
}

#[test]
fn an_endpoint_that_fails_three_times_in_a_row_is_down_until_one_comes_through() {
    let mut progress = Progress::behind(Position(9));
    for number in 1..=3 {
        assert!(progress.takes_new(), "{number}");
        progress.failed(&stream(number), Position(number.into()), &down(0));
    }
    assert!(!progress.takes_new());
    progress.hold(stream(4), Position(4), at(0));
    assert_eq!(progress.next_at(), Some(at(5)));
    progress.delivered(at(6));
    assert!(progress.takes_new());
    assert!(progress.held.values().all(|held| held.next_at <= at(6)), "and the others follow at once");
    assert_eq!(progress.failing_since, None);
}

#[test]
fn an_endpoint_that_is_down_is_asked_by_new_events_if_nothing_else_waits() {
    let mut progress = Progress::default();
    for number in 1..=3 {
        progress.failed(&stream(number), Position(number.into()), &down(0));
    }
    for number in 1..=3 {
        assert!(!progress.takes_new());
        progress.release(&stream(number)); // its events are not wanted any more
    }
    assert!(progress.takes_new());
}

#[test]
fn one_account_that_fails_is_no_reason_to_hurry_or_to_stop() {
    let mut progress = Progress::default();
    progress.failed(&stream(1), Position(1), &down(0));
    progress.delivered(at(1));
    assert_eq!(progress.next_at(), Some(at(5)), "its own time");
    assert!(progress.takes_new());
}

#[test]
fn an_event_that_had_to_wait_for_another_round_keeps_its_attempts() {
    let mut progress = Progress::default();
    progress.failed(&stream(1), Position(1), &down(0));
    progress.hold(stream(1), Position(1), at(7));
    let held = &progress.held[&stream(1)];
    assert_eq!((held.attempts, held.since, held.next_at), (1, at(0), at(5)), "and is still due");
}

#[test]
fn another_event_of_a_stream_is_tried_from_the_beginning_of_the_schedule() {
    let mut progress = Progress::default();
    progress.failed(&stream(1), Position(1), &down(0));
    progress.failed(&stream(1), Position(2), &down(10));
    let held = &progress.held[&stream(1)];
    assert_eq!((held.attempts, held.next_at, held.since), (1, at(15), at(10)));
}

#[test]
fn a_rewind_goes_back_and_forgets_what_it_reads_again() {
    let mut progress = Progress::behind(Position(100));
    progress.failed(&stream(1), Position(20), &down(0));
    progress.failed(&stream(2), Position(50), &down(0));
    progress.failed(&stream(3), Position(60), &down(0));
    assert!(!progress.takes_new());
    progress.rewind(Position(31));
    assert_eq!(progress.position, Position(30));
    assert_eq!(progress.held.keys().collect::<Vec<_>>(), [&stream(1)]);
    assert!(progress.takes_new() && progress.held[&stream(1)].next_at < at(1), "whatever failed before");
    progress.rewind(Position(0));
    assert_eq!((progress.position, progress.held.len()), (Position(0), 0));
}

#[test]
fn refusals_never_make_an_endpoint_count_as_down() {
    let mut progress = Progress::default();
    for number in 1..=99 {
        progress.failed(&stream(number), Position(number.into()), &refused(0));
        assert!(progress.takes_new(), "{number}");
    }
    assert_eq!(progress.held.len(), 99);
    assert_eq!(progress.failing_since, Some(at(0)), "nothing has come through all the same");
}

#[test]
fn a_refusal_shows_that_a_receiver_is_back_and_hurries_only_what_was_never_tried() {
    let mut progress = Progress::default();
    for number in 1..=3 {
        progress.failed(&stream(number), Position(number.into()), &down(0));
    }
    progress.hold(stream(4), Position(4), at(0));
    progress.failed(&stream(1), Position(1), &refused(5));
    assert!(progress.takes_new());
    let next = |number| progress.held[&stream(number)].next_at;
    assert_eq!((next(1), next(2), next(4)), (at(305), at(5), at(5)));
}

#[test]
fn a_refused_event_is_given_up_after_a_day_if_others_came_through() {
    let mut progress = Progress::behind(Position(7));
    let mut now = 0;
    progress.failed(&stream(1), Position(7), &refused(now));
    progress.delivered(at(60));
    for _ in 0..10 {
        now = progress.held[&stream(1)].next_at.as_second();
        if progress.failed(&stream(1), Position(7), &refused(now)) == Verdict::GivenUp {
            break;
        }
    }
    assert_eq!((now, progress.given_up), (86_400, 1));
    let held = &progress.held[&stream(1)];
    assert_eq!((held.position, held.attempts), (Position(8), 0));
}

#[test]
fn a_refused_event_is_not_given_up_while_nothing_else_comes_through() {
    let mut progress = Progress::behind(Position(7));
    progress.delivered(at(-1));
    let mut now = 0;
    for _ in 0..20 {
        assert_eq!(progress.failed(&stream(1), Position(7), &refused(now)), Verdict::Retry);
        now = progress.held[&stream(1)].next_at.as_second();
    }
    assert!(now > 10 * 86_400, "it is tried on and on");
    assert_eq!(progress.given_up, 0);
}

#[test]
fn the_day_begins_with_the_first_refusal() {
    let mut progress = Progress::behind(Position(7));
    progress.failed(&stream(1), Position(7), &down(0));
    progress.delivered(at(50_001));
    progress.failed(&stream(1), Position(7), &refused(50_000));
    assert_eq!(progress.failed(&stream(1), Position(7), &refused(86_400)), Verdict::Retry);
    assert_eq!(
        progress.failed(&stream(1), Position(7), &down(136_400)),
        Verdict::Retry,
        "an outage ends nothing"
    );
    assert_eq!(progress.failed(&stream(1), Position(7), &refused(136_401)), Verdict::GivenUp);
}

#[test]
fn only_an_answer_about_the_event_itself_is_a_refusal() {
    for status in [400, 402, 405, 406, 409, 410, 413, 415, 422, 451] {
        assert_eq!(FailureKind::of(Some(status)), FailureKind::Refused, "{status}");
    }
    for status in [301, 401, 403, 404, 408, 425, 429, 500, 503] {
        assert_eq!(FailureKind::of(Some(status)), FailureKind::Unanswered, "{status}");
    }
    assert_eq!(FailureKind::of(None), FailureKind::Unanswered);
}

#[test]
fn what_was_given_up_is_listed_newest_last_and_leaves_the_list_by_a_rewind() {
    let mut progress = Progress::behind(Position(1_000));
    for position in 1..=u64::try_from(GIVEN_UP_LISTED).unwrap() + 5 {
        progress.list_given_up(GivenUp {
            position,
            event: position.to_string(),
            kind: "authorization.granted".to_owned(),
            status: Some(422),
            at: at(0),
        });
    }
    let listed =
        |progress: &Progress| progress.given_up_events.iter().map(|event| event.position).collect::<Vec<_>>();
    assert_eq!(listed(&progress), (6..=105).collect::<Vec<_>>(), "the oldest are dropped");
    progress.rewind(Position(8));
    assert_eq!(listed(&progress), [6, 7]);
}

#[test]
fn a_stored_progress_of_the_version_before_is_read() {
    let stored = r#"{"position":9,"held":{"authorizer/wx1f2e3d4c5b6a7988/wxa0b1c2d3e4f50601":{"position":7,"attempts":2,
        "since":"1970-01-01T00:00:00Z","next_at":"1970-01-01T00:05:00Z"}},"failing_since":null,"delivered_at":null,
        "given_up":3,"failed_in_a_row":0}"#;
    let progress: Progress = serde_json::from_str(stored).unwrap();
    assert_eq!(progress.held[&stream(1)].refused_since, None);
    assert_eq!((progress.given_up, progress.given_up_events.len()), (3, 0));
}
