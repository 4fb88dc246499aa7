//! What was ever written is still published, and in the same way: a frozen sample of each form of each event through a real
//! store and the publisher.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use mandate_schema::{
    CommandId, Event, EventId, EventRecord, Position, SealedFields, Secret, StreamName, Version,
};
use mandate_storage::{Append, Appended, Command, NewKey, NewState, TokenChange};
use serde_json::Value;
use uuid::Uuid;

use super::{
    given::{Given, component, merchant},
    publisher::{Broker, publisher, steps},
};
use crate::{log::vault::place_of, outbound::publisher::Progress};

/// The samples are old.
const FOR_EVER: std::time::Duration = std::time::Duration::MAX;

fn testdata(folder: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata")).join(folder)
}

fn stream_of(name: &str) -> StreamName {
    match name.split('.').next() {
        Some("component") => StreamName::Component(component()),
        Some("webhook") => StreamName::Webhook(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001)),
        _ => StreamName::Authorizer(component(), merchant()),
    }
}

/// Writes a row as the program of that form did.
async fn write(given: &Given, name: &str, form: u16, sample: &Value) {
    let (stream, time) = (stream_of(name), "2026-01-01T00:00:01.250Z".parse::<Timestamp>().unwrap());
    let command = CommandId(Uuid::from_u128(0x0197_0000_0000_7000_8000_0000_0000_0001));
    let (key, wrapped) = given.worker.log.vault.new_key(&stream, 1);
    let create_time = sample["data"]["create_time"].as_i64();
    let mut record = EventRecord {
        id: EventId::of_command(command, 0),
        name: name.to_owned(),
        form,
        causation: command,
        occurred_at: create_time.map(|time| Timestamp::from_second(time).unwrap()),
        recorded_at: time,
        data: sample["data"].to_string(),
        sealed: SealedFields::new(),
    };
    if let (Some(field), false) = (Event::published_field(name), sample["opened"].is_null()) {
        let place = place_of(&stream, Version(1), &record, field);
        let text = Secret::new(sample["opened"].to_string());
        record.sealed.insert(field, given.worker.log.vault.seal(&key, place, &text));
    }
    let state = NewState { json: "{}".to_owned(), ..NewState::default() }; // folded again by whoever needs it
    let append = Append {
        command,
        stream,
        expected: Version(0),
        events: vec![record],
        state: Some(state),
        tasks: Vec::new(),
        redeems: Vec::new(),
        keys: vec![NewKey { wrapped, about: Vec::new() }],
        token: TokenChange::Keep,
        erases: None,
        finishes: None,
        recorded_at: time,
    };
    let appended = given.worker.storage.append_batch(vec![Command::Decided(Box::new(append))]).await.unwrap();
    assert_eq!(appended, [Appended::Stored(Some(Position(1)))]);
}

/// After a new event or form: `MANDATE_FREEZE_SCHEMAS=1 cargo test -p mandate-worker versions` writes what is missing.
#[tokio::test]
async fn a_frozen_sample_of_every_form_is_published_as_it_always_was() {
    let mut count = 0;
    for file in std::fs::read_dir(testdata("events")).unwrap() {
        let file = file.unwrap();
        let sample: Value = serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap();
        let name = sample["name"].as_str().unwrap();
        let form = u16::try_from(sample["form"].as_u64().unwrap()).unwrap();
        let (given, broker) = (Given::new(), Broker::default());
        write(&given, name, form, &sample).await;
        steps(&publisher(&given, &broker, FOR_EVER), &mut Progress::default(), 1).await;
        let bodies = broker.bodies();
        let [published] = bodies.as_slice() else { panic!("{name}: {bodies:?}") };
        let frozen = testdata("published").join(file.file_name());
        if std::env::var_os("MANDATE_FREEZE_SCHEMAS").is_some() && !frozen.exists() {
            std::fs::write(&frozen, serde_json::to_string_pretty(published).unwrap() + "\n").unwrap();
        }
        let text = std::fs::read(&frozen).unwrap_or_else(|error| panic!("{}: {error}", frozen.display()));
        assert_eq!(published, &serde_json::from_slice::<Value>(&text).unwrap(), "{name}");
        count += 1;
    }
    assert!(count >= mandate_schema::EVENT_NAMES.len());
}
