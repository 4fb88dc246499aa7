//! Random commands against a model that fits on a page.

use std::collections::{BTreeMap, BTreeSet};

use mandate_schema::{CommandId, Position};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tokio::{runtime::Handle, task::block_in_place};

use super::{
    Database,
    given::{Counter, append, command, data_key, dead_push, decided, stream, task, whole_log},
};
use crate::{Append, Appended, Command, CommandOutcome, CommandRecord, RebuildMode, Store};

/// One step. Numbers are small, so that steps meet.
#[derive(Clone, Debug)]
enum Step {
    /// A batch of decisions and deaths. Decisions of one stream are a chain.
    Batch(Vec<Part>),
    /// The last batch once more, as after a lost answer.
    Again,
    /// The operator gives a letter up.
    Discard(u64),
}

#[derive(Clone, Debug)]
enum Part {
    Decided {
        command: u64,
        stream: u32,
        /// How far the expected version is from the true one.
        off: u64,
        events: u32,
        task: Option<u8>,
        /// How far the key's number is from the last one.
        key: Option<u32>,
    },
    Dead(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let off = prop_oneof![4 => Just(0), 1 => Just(1)];
    let key = prop_oneof![4 => Just(None), 2 => Just(Some(1)), 1 => Just(Some(0))];
    let decided = (0..24_u64, 0..4_u32, off, 0..4_u32, prop::option::of(0..6_u8), key);
    let decided = decided.prop_map(|(command, stream, off, events, task, key)| Part::Decided {
        command,
        stream,
        off,
        events,
        task,
        key,
    });
    let part = prop_oneof![5 => decided, 1 => (0..24_u64).prop_map(Part::Dead)];
    let step = prop_oneof![
        8 => vec(part, 1..9).prop_map(Step::Batch),
        2 => Just(Step::Again),
        1 => (0..24_u64).prop_map(Step::Discard),
    ];
    vec(step, 1..20)
}

/// What the storage should hold.
#[derive(Default)]
struct Model {
    head: u64,
    versions: BTreeMap<u32, u64>,
    keys: BTreeMap<u32, u32>,
    commands: BTreeMap<CommandId, CommandRecord>,
    letters: BTreeSet<CommandId>,
    tasks: BTreeSet<u8>,
    last_batch: Vec<(Part, Command)>,
    /// Streams with a command of this batch that was not stored.
    broken: BTreeSet<u32>,
}

impl Model {
    fn version(&self, stream: u32) -> u64 {
        self.versions.get(&stream).copied().unwrap_or_default()
    }

    fn last_key(&self, stream: u32) -> u32 {
        self.keys.get(&stream).copied().unwrap_or_default()
    }

    /// The commands of a batch, those of one stream decided on one another.
    fn batch(&self, parts: Vec<Part>) -> Vec<(Part, Command)> {
        let (mut versions, mut keys) = (self.versions.clone(), self.keys.clone());
        parts
            .into_iter()
            .map(|part| {
                let command = decide(&part, &mut versions, &mut keys);
                (part, command)
            })
            .collect()
    }

    /// What the storage should answer; changes the model accordingly.
    fn apply(&mut self, part: &Part, stored: &Command) -> Appended {
        let id = stored.id();
        let known = self.commands.get(&id).cloned();
        let Command::Decided(append) = stored else {
            if let Some(record) = known {
                return Appended::Duplicate(record);
            }
            self.letters.insert(id);
            return self.record(id, CommandOutcome::Dead, None);
        };
        let Part::Decided { stream, task, .. } = part else {
            unreachable!("a decision was made of a decision")
        };
        if let Some(record) = known.filter(|record| record.outcome != CommandOutcome::Dead) {
            self.broken.insert(*stream);
            return Appended::Duplicate(record);
        }
        let key_is_taken = append.keys.iter().any(|key| key.wrapped.number <= self.last_key(*stream));
        if self.broken.contains(stream) || append.expected.0 != self.version(*stream) || key_is_taken {
            self.broken.insert(*stream);
            return Appended::Conflict;
        }
        let events = u64::try_from(append.events.len()).unwrap();
        *self.versions.entry(*stream).or_default() += events;
        self.head += events;
        for key in &append.keys {
            self.keys.insert(*stream, key.wrapped.number);
        }
        self.tasks.extend(task);
        self.letters.remove(&id);
        if events > 0 {
            self.record(id, CommandOutcome::Applied, Some(Position(self.head)))
        } else {
            self.record(id, CommandOutcome::Nothing, None)
        }
    }

    fn record(&mut self, id: CommandId, outcome: CommandOutcome, position: Option<Position>) -> Appended {
        let record = CommandRecord { id, outcome, position };
        self.commands.insert(id, record);
        Appended::Stored(position)
    }
}

/// Decides a part on what those before it in its batch leave, if they are stored.
fn decide(part: &Part, versions: &mut BTreeMap<u32, u64>, keys: &mut BTreeMap<u32, u32>) -> Command {
    let Part::Decided { command: id, stream: number, off, events, task: queues, key } = part else {
        let Part::Dead(id) = part else { unreachable!() };
        return dead_push(*id, "unreadable");
    };
    let (stream, version) = (stream(*number), versions.entry(*number).or_default());
    let mut append: Append = decided(command(*id), &stream, *version + off);
    if *events > 0 {
        append = append.events(*events);
        *version += u64::from(*events);
    }
    if let Some(key) = key {
        let last = keys.entry(*number).or_default();
        append = append.key(data_key(&stream, *last + key));
        *last += key;
    }
    if let Some(queues) = queues {
        append = append.task(task(&format!("confirm:{queues}")));
    }
    append.into()
}

pub(super) async fn random_commands_do_what_a_simple_model_does<D: Database>(database: D) {
    drop(database); // each run needs one of its own
    let config = Config { cases: 32, failure_persistence: None, ..Config::default() };
    let run = |steps: Vec<Step>| {
        block_in_place(|| {
            Handle::current().block_on(async {
                let database = D::create().await;
                play(&database.open().await, steps).await;
            });
        });
        Ok(())
    };
    TestRunner::new(config).run(&steps(), run).unwrap_or_else(|error| panic!("{error}"));
}

async fn play(storage: &Store, steps: Vec<Step>) {
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Batch(parts) => {
                let batch = model.batch(parts);
                play_batch(storage, &mut model, batch).await;
            }
            Step::Again => {
                let batch = model.last_batch.clone();
                play_batch(storage, &mut model, batch).await;
            }
            Step::Discard(number) => {
                let id = command(number);
                let there = model.letters.remove(&id);
                assert_eq!(storage.discard(id, jiff::Timestamp::UNIX_EPOCH).await.unwrap(), there);
                if there {
                    model.record(id, CommandOutcome::Discarded, None);
                }
            }
        }
    }
    compare(storage, &model).await;
}

async fn play_batch(storage: &Store, model: &mut Model, batch: Vec<(Part, Command)>) {
    let commands = batch.iter().map(|(_, command)| command.clone()).collect();
    let answers = storage.append_batch(commands).await.unwrap();
    model.broken.clear();
    let expected: Vec<_> = batch.iter().map(|(part, command)| model.apply(part, command)).collect();
    assert_eq!(answers, expected);
    model.last_batch = batch;
}

async fn compare(storage: &Store, model: &Model) {
    assert_eq!(storage.head().await.unwrap(), Position(model.head));
    let log = whole_log(storage).await;
    let positions: Vec<u64> = log.iter().map(|event| event.position.0).collect();
    assert_eq!(positions, (1..=model.head).collect::<Vec<_>>());
    for number in 0..4 {
        let loaded = storage.load(&stream(number)).await.unwrap();
        assert_eq!(loaded.version().0, model.version(number));
        assert_eq!(loaded.last_key, model.last_key(number));
    }
    let mut told = storage.outcomes((0..24).map(command).collect()).await.unwrap();
    told.sort_by_key(|record| record.id);
    assert_eq!(told, model.commands.values().cloned().collect::<Vec<_>>());
    let letters = storage.dead_letters(None, 99).await.unwrap();
    let letters: BTreeSet<_> = letters.iter().map(|row| row.letter.command).collect();
    assert_eq!(letters, model.letters);
    let queued: u64 = storage.task_counts().await.unwrap().iter().map(|count| count.count).sum();
    assert_eq!(queued, u64::try_from(model.tasks.len()).unwrap());
    let report = storage.rebuild(RebuildMode::Check, Counter::default(), |_| {}).await.unwrap();
    assert_eq!(report.different, []);
    // And it goes on from there.
    let version = model.version(0);
    let next = append(storage, decided(command(99), &stream(0), version).events(1)).await;
    assert_eq!(next, Appended::Stored(Some(Position(model.head + 1))));
}
