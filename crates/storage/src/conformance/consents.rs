//! Links that ask for an authorization, and visits to them.

use mandate_schema::{CodeDigest, Secret};
use uuid::Uuid;

use super::given::{account, append, at, claim, command, component, decided, stream, task};
use crate::{
    Append, Appended, Command, ConsentLink, ConsentTerms, ConsentVisit, Landed, NewTask, Store, TaskState,
    Wanted,
};

fn digest(text: &str) -> CodeDigest {
    CodeDigest::of(&Secret::new(text))
}

fn terms() -> ConsentTerms {
    ConsentTerms {
        component: component(),
        auth_type: 3,
        biz_appid: Some(account(1)),
        category_ids: vec![1, 2],
        return_url: Some("https://shop.example/done?a=1".into()),
        tag: Some("租户 7".into()),
    }
}

fn visit(number: u128, second: i64) -> ConsentVisit {
    ConsentVisit {
        id: Uuid::from_u128(number),
        link: Some("AbCd".into()),
        terms: terms(),
        pre_auth: digest(&format!("preauthcode@@@{number}")),
        cookie: digest("cookie"),
        code: None,
        expires_at: at(second),
    }
}

/// A command that queues one task and says nothing.
fn queues(number: u64, key: &str) -> Command {
    Append { tasks: vec![task(key)], ..decided(command(number), &stream(1), 0) }.into()
}

pub(super) async fn links_and_visits_come_back_until_they_are_pruned(storage: Store) {
    let link = ConsentLink { id: "AbCd".into(), terms: terms(), expires_at: at(100) };
    assert!(storage.put_link(link.clone()).await.unwrap());
    let other = ConsentLink { terms: ConsentTerms { tag: None, ..terms() }, ..link.clone() };
    assert!(!storage.put_link(other).await.unwrap(), "an id is given once");
    assert_eq!(storage.link("AbCd").await.unwrap(), Some(link));
    assert_eq!(storage.link("abcd").await.unwrap(), None);
    storage.put_visit(visit(1, 50)).await.unwrap();
    storage.put_visit(visit(2, 200)).await.unwrap();
    assert_eq!(storage.visit(Uuid::from_u128(1)).await.unwrap(), Some(visit(1, 50)));
    assert_eq!(storage.visit(Uuid::from_u128(3)).await.unwrap(), None);
    assert_eq!(by_pre_auth_code(&storage, visit(2, 0).pre_auth).await, Some(visit(2, 200)));
    assert_eq!(by_pre_auth_code(&storage, digest("preauthcode@@@9")).await, None);
    assert_eq!(storage.prune_consents(at(150)).await.unwrap(), 2);
    assert_eq!(storage.link("AbCd").await.unwrap(), None);
    assert_eq!(storage.visit(Uuid::from_u128(1)).await.unwrap(), None);
    assert_eq!(storage.visit(Uuid::from_u128(2)).await.unwrap(), Some(visit(2, 200)));
}

pub(super) async fn a_visit_is_tied_to_the_first_code_and_its_task_is_queued_with_it(storage: Store) {
    storage.put_visit(visit(1, 50)).await.unwrap();
    let id = Uuid::from_u128(1);
    let land = async |code, command| storage.land(id, digest(code), command).await.unwrap();
    let landed = land("first", queues(1, "redeem:first")).await;
    assert_eq!(landed, Landed::Appended(Appended::Stored(None)));
    assert_eq!(storage.visit(id).await.unwrap().unwrap().code, Some(digest("first")));
    let queued = storage.task_by_key("redeem:first").await.unwrap();
    assert_eq!(queued.map(|task| task.state), Some(TaskState::Ready));

    let again = land("first", queues(1, "redeem:first")).await;
    assert!(matches!(again, Landed::Appended(Appended::Duplicate(_))), "{again:?}");
    assert_eq!(land("second", queues(2, "redeem:second")).await, Landed::Refused);
    assert_eq!(storage.task_by_key("redeem:second").await.unwrap(), None);
    let nobody = storage.land(Uuid::from_u128(9), digest("first"), queues(3, "redeem:third")).await;
    assert_eq!(nobody.unwrap(), Landed::Refused);
    assert_eq!(storage.task_by_key("redeem:third").await.unwrap(), None);
}

pub(super) async fn a_landing_that_conflicts_ties_nothing(storage: Store) {
    storage.put_visit(visit(1, 50)).await.unwrap();
    let id = Uuid::from_u128(1);
    let late = Append { tasks: vec![task("redeem:first")], ..decided(command(1), &stream(1), 7) };
    let landed = storage.land(id, digest("first"), late.into()).await.unwrap();
    assert_eq!(landed, Landed::Appended(Appended::Conflict));
    assert_eq!(storage.visit(id).await.unwrap().unwrap().code, None);
    assert_eq!(storage.task_by_key("redeem:first").await.unwrap(), None);
    let landed = storage.land(id, digest("second"), queues(2, "redeem:second")).await.unwrap();
    assert_eq!(landed, Landed::Appended(Appended::Stored(None)), "and the store goes on");
}

pub(super) async fn a_visit_is_found_by_its_code_and_tied_to_a_finished_one(storage: Store) {
    let code = NewTask { authorizer: None, ..task("redeem:1") };
    append(&storage, decided(command(1), &stream(1), 0).redeem(code.clone())).await;
    let running = claim(&storage, at(0), at(10), 1).await.remove(0);
    append(&storage, decided(running.by().command(), &stream(1), 0).refuses(&running)).await;

    storage.put_visit(visit(1, 50)).await.unwrap();
    storage.put_visit(visit(2, 50)).await.unwrap();
    let found = async || by_code(&storage, digest("code")).await.map(|visit| visit.id);
    let (id, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let late = decided(command(2), &stream(1), 0).redeem(code);
    let landed = storage.land(id, digest("code"), late.into()).await.unwrap();
    assert_eq!(landed, Landed::Appended(Appended::Conflict));
    assert_eq!((storage.visit(id).await.unwrap().unwrap().code, found().await), (None, None));
    // Decided again, it queues nothing.
    let landed = storage.land(other, digest("code"), decided(command(3), &stream(1), 0).into()).await;
    assert_eq!(landed.unwrap(), Landed::Appended(Appended::Stored(None)));
    assert_eq!(found().await, Some(other));
    storage.land(id, digest("code"), decided(command(4), &stream(1), 0).into()).await.unwrap();
    assert_eq!(found().await, Some(id), "the one that was opened first");
    assert_eq!(by_code(&storage, digest("another")).await, None);
}

async fn by_pre_auth_code(storage: &Store, code: CodeDigest) -> Option<ConsentVisit> {
    let wanted = Wanted { pre_auth_codes: vec![code], ..Wanted::default() };
    storage.gather(wanted).await.unwrap().by_pre_auth_code.remove(&code)
}

async fn by_code(storage: &Store, code: CodeDigest) -> Option<ConsentVisit> {
    let wanted = Wanted { codes: vec![code], ..Wanted::default() };
    storage.gather(wanted).await.unwrap().by_code.remove(&code)
}
