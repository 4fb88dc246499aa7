//! Chains: several commands of one stream in one batch, and what commands of one batch have to do with each other.

use mandate_schema::Position;

use super::given::{
    account, append, at, claim, command, data_key, dead_push, dead_task, decided, sealed, state_after,
    stored, stream, task, token_stored, whole_log,
};
use crate::{Appended, Command, CommandOutcome, CommandRecord, NewTask, Store, TaskState, TokenChange};

fn applied(number: u64, position: u64) -> Appended {
    let (outcome, position) = (CommandOutcome::Applied, Some(Position(position)));
    Appended::Duplicate(CommandRecord { id: command(number), outcome, position })
}

/// A chain of so many commands with one event each on a stream that has `expected`.
fn chain(first: u64, account: u32, expected: u64, length: u64) -> Vec<Command> {
    let link = |n| decided(command(first + n), &stream(account), expected + n).events(1).into();
    (0..length).map(link).collect()
}

async fn batch(storage: &Store, commands: Vec<Command>) -> Vec<Appended> {
    storage.append_batch(commands).await.unwrap()
}

async fn version(storage: &Store, account: u32) -> u64 {
    storage.load(&stream(account)).await.unwrap().version().0
}

pub(super) async fn the_commands_of_a_chain_are_stored_in_their_order(storage: Store) {
    let (one, mut two) = (chain(1, 1, 0, 3), chain(4, 2, 0, 2));
    two.insert(1, decided(command(6), &stream(2), 1).task(task("confirm:1")).into());
    let mixed = one.into_iter().zip(two).flat_map(|(one, two)| [one, two]).collect();
    let answers = batch(&storage, mixed).await;
    assert_eq!(answers, [stored(1), stored(2), stored(3), Appended::Stored(None), stored(4), stored(5)]);
    let row = storage.state(&stream(1)).await.unwrap().unwrap();
    assert_eq!(
        (row.version.0, row.position, row.state),
        (3, Position(4), state_after(3).json),
        "the last state"
    );
    let log = whole_log(&storage).await;
    let of_one: Vec<_> =
        log.iter().filter(|event| event.stream == stream(1)).map(|it| it.version.0).collect();
    assert_eq!((of_one, version(&storage, 2).await), (vec![1, 2, 3], 2));
}

pub(super) async fn a_chain_may_fill_a_batch(storage: Store) {
    let answers = batch(&storage, chain(1, 1, 0, 256)).await;
    assert_eq!(answers, (1..=256).map(stored).collect::<Vec<_>>());
    assert_eq!((version(&storage, 1).await, whole_log(&storage).await.len()), (256, 256));
    let again = batch(&storage, chain(1, 1, 0, 256)).await;
    assert_eq!(again, (1..=256).map(|n| applied(n, n)).collect::<Vec<_>>(), "repeated after a lost answer");
}

pub(super) async fn a_chain_ends_at_its_first_conflict(storage: Store) {
    let mut broken = chain(1, 1, 0, 4);
    broken[1] = decided(command(2), &stream(1), 7).events(1).into();
    broken.push(decided(command(5), &stream(2), 0).events(1).into());
    // It would fit on what is stored.
    broken.push(decided(command(6), &stream(1), 1).events(1).into());
    let conflict = Appended::Conflict;
    let expected = [stored(1), conflict.clone(), conflict.clone(), conflict.clone(), stored(2), conflict];
    assert_eq!(batch(&storage, broken).await, expected);
    assert_eq!((version(&storage, 1).await, version(&storage, 2).await), (1, 1));
}

pub(super) async fn a_chain_ends_at_its_first_duplicate(storage: Store) {
    append(&storage, decided(command(9), &stream(1), 0)).await;
    let mut with_known = chain(1, 1, 0, 3);
    with_known[1] = decided(command(9), &stream(1), 1).into();
    with_known.push(decided(command(9), &stream(1), 1).into());
    let answers = batch(&storage, with_known).await;
    let known = CommandRecord { id: command(9), outcome: CommandOutcome::Nothing, position: None };
    let known = Appended::Duplicate(known);
    assert_eq!(
        answers,
        [stored(1), known.clone(), Appended::Conflict, known],
        "one with an outcome tells it"
    );
    assert_eq!(version(&storage, 1).await, 1);
}

pub(super) async fn a_chain_ends_at_a_task_that_is_finished(storage: Store) {
    append(&storage, decided(command(1), &stream(1), 0).task(task("confirm:1"))).await;
    let claimed = claim(&storage, at(0), at(10), 1).await.remove(0);
    let finish = |id, expected| decided(command(id), &stream(1), expected).events(1).finishes(&claimed);
    let answers =
        vec![finish(2, 0).into(), finish(3, 1).into(), decided(command(4), &stream(1), 1).events(1).into()];
    let answers = batch(&storage, answers).await;
    assert_eq!(answers, [stored(1), Appended::Finished, Appended::Conflict]);
    assert_eq!(version(&storage, 1).await, 1);
}

pub(super) async fn an_id_twice_in_a_chain_is_stored_once(storage: Store) {
    let mut twice = chain(1, 1, 0, 2);
    twice.insert(1, decided(command(1), &stream(1), 1).events(1).into());
    assert_eq!(batch(&storage, twice).await, [stored(1), applied(1, 1), Appended::Conflict]);
    // One that was not stored has no outcome: the second one is judged by itself.
    let second: Vec<Command> = vec![
        decided(command(5), &stream(1), 9).events(1).into(),
        decided(command(5), &stream(2), 0).events(1).into(),
        decided(command(5), &stream(3), 0).events(1).into(),
        dead_push(6, "unreadable"),
        decided(command(6), &stream(3), 0).events(1).into(),
    ];
    let answers = batch(&storage, second).await;
    let expected = [Appended::Conflict, stored(2), applied(5, 2), Appended::Stored(None), Appended::Conflict];
    assert_eq!(answers, expected);
    let retry = vec![dead_push(7, "unreadable"), decided(command(7), &stream(4), 0).events(1).into()];
    assert_eq!(
        batch(&storage, retry).await,
        [Appended::Stored(None), stored(3)],
        "it was dead and is decided"
    );
    assert!(storage.dead_letter(command(7)).await.unwrap().is_none());
}

pub(super) async fn a_key_of_a_chain_counts_for_what_follows(storage: Store) {
    let with_key = |id, expected, number| {
        decided(command(id), &stream(1), expected).events(1).key(data_key(&stream(1), number))
    };
    let keys = vec![with_key(1, 0, 1).into(), with_key(2, 1, 2).into(), with_key(3, 2, 2).into()];
    let mut keys: Vec<Command> = keys;
    keys.push(with_key(4, 2, 3).into());
    let answers = batch(&storage, keys).await;
    assert_eq!(answers, [stored(1), stored(2), Appended::Conflict, Appended::Conflict]);
    assert_eq!(storage.load(&stream(1)).await.unwrap().last_key, 2);
    // A key of another stream counts, too, if its command was stored.
    let of_two = |id, on, expected| decided(command(id), &stream(on), expected).key(data_key(&stream(2), 1));
    let answers = vec![of_two(5, 1, 9).into(), of_two(6, 3, 0).into(), of_two(7, 4, 0).into()];
    let answers = batch(&storage, answers).await;
    assert_eq!(answers, [Appended::Conflict, Appended::Stored(None), Appended::Conflict]);
}

fn code(authorizer: Option<u32>, tag: Option<&str>) -> NewTask {
    NewTask { authorizer: authorizer.map(account), tag: tag.map(Into::into), ..task("redeem:1") }
}

pub(super) async fn equal_codes_of_a_batch_are_one_task_that_learns_in_order(storage: Store) {
    let redeems = |id, on, code| Command::from(decided(command(id), &stream(on), 0).redeem(code));
    let all = vec![
        redeems(1, 1, code(None, None)),
        redeems(2, 1, code(None, Some("first"))),
        redeems(3, 2, code(Some(2), Some("second"))),
        redeems(4, 3, code(Some(3), None)),
    ];
    assert_eq!(batch(&storage, all).await, vec![Appended::Stored(None); 4]);
    let done = storage.task_by_key("redeem:1").await.unwrap().unwrap();
    assert_eq!((done.authorizer, done.tag.as_deref()), (Some(account(2)), Some("first")));
    assert_eq!(claim(&storage, at(0), at(10), 9).await.len(), 1);
}

pub(super) async fn a_code_that_ends_in_the_batch_is_a_conflict_for_what_follows(storage: Store) {
    for ends in [true, false] {
        let (first, key) = if ends { (10, "redeem:done") } else { (20, "redeem:dead") };
        let redeem = |id, on| decided(command(id), &stream(on), 0).redeem(task(key));
        append(&storage, redeem(first, 1)).await;
        let claimed = claim(&storage, at(0), at(10), 1).await.remove(0);
        let end = if ends {
            decided(claimed.by().command(), &stream(2), 0).finishes(&claimed).into()
        } else {
            dead_task(&claimed)
        };
        let answers =
            batch(&storage, vec![redeem(first + 1, 3).into(), end, redeem(first + 2, 3).into()]).await;
        let none = Appended::Stored(None);
        assert_eq!(answers, [none.clone(), none, Appended::Conflict], "{key}");
    }
}

pub(super) async fn of_two_that_finish_a_task_the_second_is_judged_by_what_the_first_left(storage: Store) {
    for key in ["a", "b", "c"] {
        append(&storage, decided(command(u64::from(key.as_bytes()[0])), &stream(1), 0).task(task(key))).await;
    }
    let claimed = claim(&storage, at(0), at(10), 3).await;
    let [a, b, c] = claimed.as_slice() else { panic!("{claimed:?}") };
    let on = |id, number| decided(command(id), &stream(number), 0).events(1);
    let commands = vec![
        on(1, 1).finishes(a).into(),
        on(2, 2).finishes(a).into(),
        on(3, 3).refuses(b).into(),
        on(4, 4).finishes(b).into(), // a success counts after a refusal
        dead_task(c),
        on(5, 5).refuses(c).into(),
        on(6, 6).finishes(c).into(), // and settles what was given up
    ];
    let answers = batch(&storage, commands).await;
    let (none, void) = (Appended::Stored(None), Appended::Finished);
    assert_eq!(answers, [stored(1), void.clone(), stored(2), stored(3), none, void, stored(4)]);
    for task in &claimed {
        let done = storage.task_by_key(&task.task.key).await.unwrap().unwrap();
        assert_eq!(done.state, TaskState::Done, "{}", task.task.key);
    }
    assert_eq!(storage.dead_letters(None, 9).await.unwrap().len(), 0);
    let told = storage.outcomes(vec![c.by().command()]).await.unwrap();
    assert_eq!(told[0].outcome, CommandOutcome::Nothing, "the letter is settled");
}

pub(super) async fn the_last_change_of_a_chain_is_what_the_token_becomes(storage: Store) {
    let change = |id, on, token| Command::from(decided(command(id), &stream(on), 0).token(token));
    let all = vec![
        change(1, 1, token_stored("one", 1)),
        change(2, 1, token_stored("two", 2)),
        change(3, 2, token_stored("gone", 3)),
        change(4, 2, TokenChange::Empty),
        change(5, 3, TokenChange::Empty),
        change(6, 3, token_stored("three", 4)),
    ];
    assert_eq!(batch(&storage, all).await, vec![Appended::Stored(None); 6]);
    for (on, access, generation) in [(1, Some("two"), 2), (2, None, 3), (3, Some("three"), 4)] {
        let row = storage.token(&stream(on)).await.unwrap().unwrap();
        assert_eq!(row.access.map(|(text, _)| text), access.map(sealed), "{on}");
        assert_eq!(row.generation, generation, "{on}");
    }
    append(&storage, change(7, 1, TokenChange::Empty)).await;
    assert_eq!(storage.token(&stream(1)).await.unwrap().unwrap().access, None);
}
