//! The page and its names.

use super::*;

fn component() -> ComponentId {
    ComponentId::parse("wx1f2e3d4c5b6a7988").expect("valid")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

#[track_caller]
fn assert_has(page: &str, sample: &str) {
    assert!(page.lines().any(|line| line == sample), "no {sample:?} in\n{page}");
}

fn record_everything() -> Metrics {
    let metrics = Metrics::new();
    metrics.callbacks_total(&component(), PushKind::Event, "accepted");
    metrics.callbacks_late_total(&component(), PushKind::Message);
    metrics.callback_answer_seconds(Duration::from_millis(7));
    metrics.journal_unsettled(3);
    metrics.journal_oldest_seconds(Some(at(100)));
    metrics.journal_message_ids_reach_seconds(Duration::from_hours(72));
    metrics.publisher_refused_total(128);
    metrics.webhook_deliveries_total("delivered");
    metrics.webhooks("disabled", 1);
    metrics.relay_handed_over_total(256);
    metrics.log_position(41);
    metrics.append_seconds(Duration::from_millis(3));
    metrics.append_batch_commands(200);
    metrics.reader_position("publisher", 40);
    metrics.ticket_age_seconds(&component(), at(50));
    metrics.dead_letters([("unknown_pair", 2)]);
    metrics.tasks([("redeem", "waiting", 5)]);
    metrics.wechat_calls_total("api_query_auth", 61009);
    metrics.wechat_call_seconds("api_query_auth", Duration::from_millis(80));
    metrics.wechat_calls_withheld_total("api_query_auth");
    metrics.wechat_paused(&component(), "api_query_auth", Some(at(120)));
    metrics.token_refreshes_total("api_authorizer_token", "refreshed");
    metrics.token_reads_withheld_total();
    metrics
}

#[test]
fn each_metric_has_its_contracted_name_and_labels() {
    let page = record_everything().encode_at(at(110));
    for sample in [
        r#"mandate_callbacks_total{component="wx1f2e3d4c5b6a7988",kind="event",outcome="accepted"} 1"#,
        r#"mandate_callbacks_late_total{component="wx1f2e3d4c5b6a7988",kind="message"} 1"#,
        "mandate_callback_answer_seconds_count 1",
        "mandate_journal_unsettled 3",
        "mandate_journal_oldest_seconds 10.0",
        "mandate_journal_message_ids_reach_seconds 259200.0",
        "mandate_publisher_refused_total 128",
        r#"mandate_webhook_deliveries_total{outcome="delivered"} 1"#,
        r#"mandate_webhooks{state="disabled"} 1"#,
        "mandate_relay_handed_over_total 256",
        "mandate_log_position 41",
        "mandate_append_seconds_count 1",
        r#"mandate_append_batch_commands_bucket{le="128.0"} 0"#,
        r#"mandate_append_batch_commands_bucket{le="256.0"} 1"#,
        r#"mandate_reader_position{reader="publisher"} 40"#,
        r#"mandate_ticket_age_seconds{component="wx1f2e3d4c5b6a7988"} 60.0"#,
        r#"mandate_dead_letters{reason="unknown_pair"} 2"#,
        r#"mandate_tasks{kind="redeem",state="waiting"} 5"#,
        r#"mandate_wechat_calls_total{api="api_query_auth",errcode="61009"} 1"#,
        r#"mandate_wechat_call_seconds_count{api="api_query_auth"} 1"#,
        r#"mandate_wechat_calls_withheld_total{api="api_query_auth"} 1"#,
        r#"mandate_wechat_paused{component="wx1f2e3d4c5b6a7988",api="api_query_auth"} 1"#,
        r#"mandate_token_refreshes_total{api="api_authorizer_token",outcome="refreshed"} 1"#,
        "mandate_token_reads_withheld_total 1",
    ] {
        assert_has(&page, sample);
    }
    assert!(page.ends_with("# EOF\n"));
}

#[test]
fn a_pause_ends_by_itself() {
    let paused = r#"mandate_wechat_paused{component="wx1f2e3d4c5b6a7988",api="api_query_auth"} 0"#;
    assert_has(&record_everything().encode_at(at(120)), paused);
}

#[test]
fn ages_grow_while_nobody_reports_and_never_fall_below_zero() {
    let metrics = record_everything();
    assert_has(&metrics.encode_at(at(130)), "mandate_journal_oldest_seconds 30.0");
    assert_has(&metrics.encode_at(at(90)), "mandate_journal_oldest_seconds 0.0");
    metrics.journal_oldest_seconds(None);
    assert_has(&metrics.encode_at(at(130)), "mandate_journal_oldest_seconds 0.0");
}

#[test]
fn a_reason_that_is_no_longer_counted_disappears() {
    let metrics = record_everything();
    metrics.dead_letters([("malformed".to_owned(), 1)]);
    let page = metrics.encode_at(at(110));
    assert_has(&page, r#"mandate_dead_letters{reason="malformed"} 1"#);
    assert!(!page.contains("unknown_pair"));
}

#[test]
fn a_reader_that_is_gone_has_no_position() {
    let metrics = record_everything();
    metrics.reader_position("webhook/1", 7);
    metrics.reader_position("webhook/2", 8);
    assert_has(&metrics.encode(), r#"mandate_reader_position{reader="webhook/1"} 7"#);
    metrics.forget_readers(|reader| reader == "webhook/1");
    let page = metrics.encode();
    assert!(!page.contains("webhook/1"), "{page}");
    assert_has(&page, r#"mandate_reader_position{reader="webhook/2"} 8"#);
    assert_has(&page, r#"mandate_reader_position{reader="publisher"} 40"#);
}

#[test]
fn clones_record_into_the_same_registry_and_new_ones_do_not() {
    let metrics = Metrics::new();
    metrics.clone().log_position(7);
    assert_has(&metrics.encode(), "mandate_log_position 7");
    assert_has(&Metrics::new().encode(), "mandate_log_position 0");
}
