//! Reading the log.

use jiff::Timestamp;
use mandate_schema::{CommandId, EventId, Field, Position, StoredEvent, Version};

use super::{
    Database,
    given::{append, at, command, dead_push, decided, sealed, stream, unknown, whole_log},
};
use crate::{CommandOutcome, EventOrder, EventQuery, Store, StreamQuery};

pub(super) async fn an_event_comes_back_as_it_was_written(storage: Store) {
    let mut written = decided(command(1), &stream(1), 0).events(2);
    written.events[0].sealed.insert(Field::RefreshToken, sealed("refresh"));
    written.events[0].occurred_at = None;
    written.events[1].recorded_at = Timestamp::from_millisecond(1_767_225_600_123).unwrap();
    written.events[1].causation = CommandId(unknown().0);
    written.events[1].form = 3;
    append(&storage, written.clone()).await;
    let events = whole_log(&storage).await;
    for (index, record) in (1..).zip(written.events) {
        let expected =
            StoredEvent { position: Position(index), stream: stream(1), version: Version(index), record };
        assert_eq!(events.iter().find(|event| event.position.0 == index), Some(&expected));
        assert_eq!(storage.event(expected.record.id).await.unwrap().as_ref(), Some(&expected));
    }
    assert_eq!(storage.event(EventId(unknown().0)).await.unwrap(), None);
}

pub(super) async fn the_log_is_read_in_pages(storage: Store) {
    append(&storage, decided(command(1), &stream(1), 0).events(7)).await;
    let page = async |after, limit| -> Vec<u64> {
        let query = EventQuery { after: Position(after), limit };
        let events = storage.read(query).await.unwrap();
        events.iter().map(|event| event.position.0).collect()
    };
    assert_eq!(page(0, 3).await, [1, 2, 3]);
    assert_eq!(page(3, 3).await, [4, 5, 6]);
    assert_eq!(page(6, 3).await, [7]);
    assert_eq!(page(7, 3).await, [0_u64; 0]);
    assert_eq!(page(99, 3).await, [0_u64; 0]);
    assert_eq!(page(0, 0).await, [0_u64; 0]);
}

pub(super) async fn a_stream_is_read_in_both_orders_and_between_limits(storage: Store) {
    // Stream 1 gets positions 1, 2, 4, 5, 7, 8; every third event is another stream's.
    for round in 0..3 {
        append(&storage, decided(command(round * 2), &stream(1), round * 2).events(2)).await;
        append(&storage, decided(command(round * 2 + 1), &stream(2), round).events(1)).await;
    }
    let all = StreamQuery {
        stream: stream(1),
        after: Position(0),
        up_to: None,
        before: None,
        order: EventOrder::Ascending,
        limit: 100,
    };
    let versions = async |query: StreamQuery| -> Vec<u64> {
        let events = storage.read_stream(query).await.unwrap();
        assert!(events.iter().all(|event| event.stream == stream(1)));
        events.iter().map(|event| event.version.0).collect()
    };
    let backwards = StreamQuery { order: EventOrder::Descending, ..all.clone() };
    assert_eq!(versions(all.clone()).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(versions(backwards.clone()).await, [6, 5, 4, 3, 2, 1]);
    for query in [all, backwards] {
        let ascending = query.order == EventOrder::Ascending;
        let expect = |mut versions: Vec<u64>| {
            if !ascending {
                versions.reverse();
            }
            versions
        };
        let limited = StreamQuery { limit: 2, ..query.clone() };
        assert_eq!(versions(limited).await, if ascending { [1, 2] } else { [6, 5] });
        let after = StreamQuery { after: Position(4), ..query.clone() };
        assert_eq!(versions(after).await, expect(vec![4, 5, 6]));
        let up_to = StreamQuery { up_to: Some(Position(5)), ..query.clone() };
        assert_eq!(versions(up_to).await, expect(vec![1, 2, 3, 4]));
        let before = StreamQuery { before: Some(Version(3)), ..query.clone() };
        assert_eq!(versions(before).await, expect(vec![1, 2]));
        let between =
            StreamQuery { after: Position(1), up_to: Some(Position(7)), before: Some(Version(5)), ..query };
        assert_eq!(versions(between).await, expect(vec![2, 3, 4]));
    }
}

pub(super) async fn outcomes_are_told_for_known_commands_only(storage: Store) {
    append(&storage, decided(command(1), &stream(1), 0).events(1)).await;
    append(&storage, decided(command(2), &stream(1), 1)).await;
    append(&storage, dead_push(3, "unreadable")).await;
    let ids = vec![unknown(), command(3), command(1), command(4), command(2)];
    let mut told = storage.outcomes(ids).await.unwrap();
    told.sort_by_key(|record| record.id);
    let told: Vec<_> = told.iter().map(|r| (r.id, r.outcome, r.position)).collect();
    let expected = [
        (command(1), CommandOutcome::Applied, Some(Position(1))),
        (command(2), CommandOutcome::Nothing, None),
        (command(3), CommandOutcome::Dead, None),
    ];
    assert_eq!(told, expected);
    assert_eq!(storage.outcomes(Vec::new()).await.unwrap(), []);
    let many = (0..1_000).map(command).collect();
    assert_eq!(storage.outcomes(many).await.unwrap().len(), 3);
}

pub(super) async fn the_log_refuses_update_and_delete<D: Database>(database: D) {
    let storage = database.open().await;
    append(&storage, decided(command(1), &stream(1), 0).events(2).decided_at(at(1))).await;
    let before = whole_log(&storage).await;
    for statement in [
        "update event set data = '{}'",
        "update event set recorded_at = 0 where position = 1",
        "delete from event",
        "delete from event where position = 2",
    ] {
        let refusal = database.sql(statement).await.unwrap_err();
        assert!(refusal.contains("append-only"), "{statement}: {refusal}");
    }
    assert_eq!(whole_log(&storage).await, before);
}

pub(super) async fn the_log_keeps_its_name<D: Database>(database: D) {
    let storage = database.open().await;
    let name = storage.log_id().await.unwrap();
    assert!(!name.is_empty());
    append(&storage, decided(command(1), &stream(1), 0).events(1)).await;
    assert_eq!(storage.log_id().await.unwrap(), name);
    assert_eq!(database.open().await.log_id().await.unwrap(), name);
    assert_ne!(D::create().await.open().await.log_id().await.unwrap(), name);
}
