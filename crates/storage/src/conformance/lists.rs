//! Messages, checkpoints and what pages and metrics list.

use mandate_schema::{AuthorizerId, ComponentId, Position, Push, StreamName};
use serde_json::json;

use super::given::{
    account, append, at, command, component, decided, other_component, push, stream, token_stored,
};
use crate::{AuthorizerFilter, StatusCount, Store};

pub(super) async fn messages_are_stored_once_and_pruned_by_age(storage: Store) {
    let message = |number, second| Push {
        authorizer: Some(account(1)),
        received_at: at(second),
        ..push(command(number))
    };
    assert_eq!(storage.message_count().await.unwrap(), 0);
    let first = vec![message(1, 0), message(2, 10), message(1, 0)];
    storage.store_messages(first.clone()).await.unwrap();
    assert_eq!(storage.message_count().await.unwrap(), 2);
    storage.store_messages(first).await.unwrap();
    // Left as it was: the age of its first arrival counts.
    storage.store_messages(vec![message(1, 99), message(3, 20)]).await.unwrap();
    storage.store_messages(Vec::new()).await.unwrap();
    assert_eq!(storage.message_count().await.unwrap(), 3);
    assert_eq!(storage.prune_messages(at(0)).await.unwrap(), 0);
    assert_eq!(storage.prune_messages(at(11)).await.unwrap(), 2);
    assert_eq!(storage.message_count().await.unwrap(), 1);
    assert_eq!(storage.head().await.unwrap(), Position(0), "messages are no events");
}

pub(super) async fn messages_are_read_in_order_and_no_position_comes_back(storage: Store) {
    let message = |number| Push { authorizer: Some(account(1)), ..push(command(number)) };
    let read = async |after, limit| storage.read_messages(Position(after), limit).await.unwrap();
    assert_eq!(storage.message_head().await.unwrap(), (Position(0), 0));
    storage.store_messages(vec![message(5), message(3), message(5), message(4)]).await.unwrap();
    let all = read(0, 10).await;
    let ids: Vec<_> = all.iter().map(|(_, push)| push.id).collect();
    assert_eq!(ids, [message(5).id, message(3).id, message(4).id], "in the order in which they were stored");
    let (first, second) = (all[0].0, all[1].0);
    assert_eq!(read(0, 1).await, all[..1]);
    assert_eq!(read(first.0, 10).await, all[1..]);
    let (head, size) = storage.message_head().await.unwrap();
    assert!(head >= all[2].0 && size > 300, "{head:?}, {size} bytes");

    assert_eq!(storage.prune_oldest_messages(2).await.unwrap(), 2);
    assert_eq!(read(second.0, 10).await, all[2..]);
    assert_eq!(storage.prune_oldest_messages(10).await.unwrap(), 1);
    assert_eq!(storage.message_head().await.unwrap(), (head, 0), "all that was counted is gone");
    storage.store_messages(vec![message(6)]).await.unwrap();
    assert!(read(0, 10).await[0].0 > head, "also when there is none left");
}

pub(super) async fn messages_of_many_writers_never_appear_behind_a_reader(storage: Store) {
    let writers = (0..4_u64).map(|writer| {
        let storage = storage.clone();
        tokio::spawn(async move {
            for number in 0..25 {
                let push = Push { authorizer: Some(account(1)), ..push(command(1_000 * writer + number)) };
                storage.store_messages(vec![push]).await.unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let (mut after, mut seen) = (Position(0), 0);
    while seen < 100 {
        let page = storage.read_messages(after, 7).await.unwrap();
        seen += page.len();
        after = page.last().map_or(after, |(position, _)| *position);
        let over = page.is_empty() && writers.iter().all(tokio::task::JoinHandle::is_finished);
        assert!(!over || storage.read_messages(after, 1).await.unwrap().len() == 1, "only {seen} were seen");
        tokio::task::yield_now().await;
    }
}

pub(super) async fn a_checkpoint_goes_where_it_is_put(storage: Store) {
    assert_eq!(storage.checkpoint("publisher").await.unwrap(), Position(0));
    storage.set_checkpoint("publisher", Position(7)).await.unwrap();
    storage.set_checkpoint("webhook/1", Position(3)).await.unwrap();
    assert_eq!(storage.checkpoint("publisher").await.unwrap(), Position(7));
    assert_eq!(storage.checkpoint("webhook/1").await.unwrap(), Position(3));
    storage.set_checkpoint("publisher", Position(2)).await.unwrap();
    assert_eq!(storage.checkpoint("publisher").await.unwrap(), Position(2), "a reader may be rewound");
    assert_eq!(storage.checkpoint("Publisher").await.unwrap(), Position(0));
}

/// Gives accounts these states: the number of the account, its component, status, name, original id and owner.
async fn accounts(storage: &Store) {
    type Row = (u32, ComponentId, &'static str, [&'static str; 3]);
    let rows: [Row; 5] = [
        (1, component(), "authorized", ["老王茶馆", "gh_0123456789ab", "上海茶业有限公司"]),
        (2, component(), "revoked", ["Blue Café", "gh_ABCDEF012345", "Kaffee GmbH"]),
        (3, component(), "authorized", ["王府书店", "gh_00000000beef", "北京图书"]),
        (4, component(), "pending", ["", "", ""]),
        (1, other_component(), "authorized", ["老王茶馆", "gh_0123456789ab", "上海茶业有限公司"]),
    ];
    for (number, (account_number, component, status, [nick, user, owner])) in (1..).zip(rows) {
        let stream = StreamName::Authorizer(component, account(account_number));
        let profile = (!nick.is_empty())
            .then(|| json!({"nick_name": nick, "user_name": user, "principal_name": owner}));
        let state = json!({"status": status, "profile": profile}).to_string();
        append(storage, decided(command(number), &stream, 0).events(1).state(&state)).await;
    }
    // Streams that are no authorizers are in no list and no count.
    let tickets = StreamName::Component(component());
    append(storage, decided(command(99), &tickets, 0).events(1)).await;
}

fn all() -> AuthorizerFilter {
    AuthorizerFilter { limit: 100, ..AuthorizerFilter::default() }
}

async fn streams(storage: &Store, filter: AuthorizerFilter) -> Vec<StreamName> {
    let rows = storage.authorizers(filter).await.unwrap();
    rows.into_iter().map(|row| row.state.stream).collect()
}

/// Ours with these numbers, and the other component's first one.
fn foreign() -> StreamName {
    StreamName::Authorizer(other_component(), account(1))
}

pub(super) async fn authorizers_are_counted_by_component_and_status(storage: Store) {
    assert_eq!(storage.status_counts().await.unwrap(), []);
    accounts(&storage).await;
    let mut counts = storage.status_counts().await.unwrap();
    counts.sort_by_key(|count| (count.component.clone(), count.status.clone()));
    let count = |component, status: &str, count| StatusCount { component, status: status.into(), count };
    let expected = [
        count(component(), "authorized", 2),
        count(component(), "pending", 1),
        count(component(), "revoked", 1),
        count(other_component(), "authorized", 1),
    ];
    assert_eq!(counts, expected);
}

pub(super) async fn authorizers_are_filtered_by_component_and_status(storage: Store) {
    accounts(&storage).await;
    let of = |component| AuthorizerFilter { component: Some(component), ..all() };
    let every = [stream(1), stream(2), stream(3), stream(4), foreign()];
    assert_eq!(streams(&storage, all()).await, every);
    assert_eq!(streams(&storage, of(component())).await, every[..4]);
    assert_eq!(streams(&storage, of(other_component())).await, [foreign()]);
    let authorized = AuthorizerFilter { status: Some("authorized".into()), ..all() };
    assert_eq!(streams(&storage, authorized.clone()).await, [stream(1), stream(3), foreign()]);
    let both = AuthorizerFilter { component: Some(component()), ..authorized };
    assert_eq!(streams(&storage, both).await, [stream(1), stream(3)]);
    let none = AuthorizerFilter { status: Some("broken".into()), ..all() };
    assert_eq!(streams(&storage, none).await, []);
    let row = storage.authorizers(of(other_component())).await.unwrap().remove(0);
    assert_eq!((row.state.version.0, row.state.position.0, row.state.form), (1, 5, 1));
    assert!(row.state.state.contains("老王茶馆"));
}

pub(super) async fn authorizers_are_found_by_text(storage: Store) {
    accounts(&storage).await;
    let found = async |text: &str| {
        let filter = AuthorizerFilter { component: Some(component()), text: Some(text.into()), ..all() };
        streams(&storage, filter).await
    };
    assert_eq!(found("茶").await, [stream(1)], "part of a name");
    assert_eq!(found("王").await, [stream(1), stream(3)]);
    assert_eq!(found("北京").await, [stream(3)], "an owner");
    assert_eq!(found("blue caf").await, [stream(2)], "without regard to case");
    assert_eq!(found("KAFFEE").await, [stream(2)]);
    assert_eq!(found("GH_abcdef").await, [stream(2)], "an original id");
    assert_eq!(found(account(4).as_str()).await, [stream(4)], "an appid");
    assert_eq!(found(&account(4).as_str().to_uppercase()).await, [stream(4)]);
    assert_eq!(found("%").await, [], "no wildcards");
    assert_eq!(found("gh_0_").await, []);
    assert_eq!(found("'").await, []);
    assert_eq!(found("").await.len(), 4, "every text contains nothing");
    let narrowed = AuthorizerFilter { status: Some("authorized".into()), text: Some("gh_0".into()), ..all() };
    assert_eq!(streams(&storage, narrowed).await, [stream(1), stream(3), foreign()]);
}

pub(super) async fn a_search_does_not_look_at_the_component(storage: Store) {
    accounts(&storage).await;
    for text in ["authorizer", other_component().as_str(), "/"] {
        let filter = AuthorizerFilter { text: Some(text.into()), ..all() };
        assert_eq!(streams(&storage, filter).await, [], "{text}");
    }
}

pub(super) async fn authorizers_are_listed_in_pages(storage: Store) {
    accounts(&storage).await;
    let page = async |after: Option<StreamName>, limit| {
        let filter = AuthorizerFilter { after, ..all() };
        streams(&storage, AuthorizerFilter { limit, ..filter }).await
    };
    assert_eq!(page(None, 2).await, [stream(1), stream(2)]);
    assert_eq!(page(Some(stream(2)), 2).await, [stream(3), stream(4)]);
    assert_eq!(page(Some(stream(4)), 2).await, [foreign()]);
    assert_eq!(page(Some(foreign()), 2).await, []);
    let between =
        StreamName::Authorizer(component(), AuthorizerId::parse(&format!("{}x", account(2))).unwrap());
    assert_eq!(page(Some(between), 1).await, [stream(3)], "a cursor need not be there");
    let filtered =
        AuthorizerFilter { status: Some("authorized".into()), after: Some(stream(1)), limit: 1, ..all() };
    assert_eq!(streams(&storage, filtered).await, [stream(3)]);
}

pub(super) async fn a_listed_authorizer_tells_when_its_token_expires(storage: Store) {
    let held = decided(command(1), &stream(1), 0).events(1);
    append(&storage, held.token(token_stored("token", 1))).await;
    append(&storage, decided(command(2), &stream(2), 0).events(1)).await;
    storage.lease_token(&stream(2), at(0), at(15)).await.unwrap().unwrap();
    let emptied = decided(command(3), &stream(3), 0).events(1);
    append(&storage, emptied.token(token_stored("token", 1))).await;
    append(&storage, decided(command(4), &stream(3), 1).token(crate::TokenChange::Empty)).await;
    let rows = storage.authorizers(all()).await.unwrap();
    let expiries: Vec<_> = rows.iter().map(|row| row.access_token_expires_at).collect();
    assert_eq!(expiries, [Some(at(7_200)), None, None]);
}
