//! A database that was restored from a backup, and a list that knows better.

use std::fs;

use serde_json::{Value, json};

use super::{A, World, merchant};
use crate::world::{Ended, Service};

const LIST: &str = "api_get_authorizer_list";
/// Merchants that authorize after the backup: more than two pages of the list.
const LOST: usize = 1_100;

/// What `mandate reconcile` says about the first component.
fn reconcile(world: &World, more: &[&str]) -> Value {
    world.command_json(&[&["reconcile", "--component", A], more].concat())[0].clone()
}

impl World {
    /// The store as it is while the service stands still.
    fn store(&self) -> Vec<(&'static str, Vec<u8>)> {
        let read = |name| Some((name, fs::read(self.data().join(name)).ok()?));
        ["mandate.db", "mandate.db-wal"].into_iter().filter_map(read).collect()
    }

    /// The machine is lost, with store and journal; the backup is all that is left.
    async fn lose_all_but(&mut self, backup: &[(&str, Vec<u8>)]) {
        self.close_storage().await;
        for file in fs::read_dir(self.data()).expect("our own folder") {
            fs::remove_file(file.expect("readable").path()).expect("our own file");
        }
        for (name, content) in backup {
            fs::write(self.data().join(name), content).expect("our own folder");
        }
    }

    async fn status_counts(&self) -> Value {
        self.api(&format!("/components/{A}")).await["authorizers"].clone()
    }
}

/// Reads of a list of so many: pages of 500 that overlap by 10, what the last one with entries overlaps with, and the empty one at the end.
const fn pages(length: usize) -> usize {
    (length - 500).div_ceil(490) + 3
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merchants_that_a_backup_does_not_know_are_restored() {
    restore(LOST).await;
}

/// The long form: `tests/soak restored`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the long form, run by tests/soak"]
async fn soak_restored() {
    restore(2_000).await;
}

async fn restore(lost: usize) {
    let mut world = World::start().await;
    world.ticket(A).await;
    world.settle().await;
    world.stop_service().await;
    world.close_storage().await;
    let backup = world.store();
    world.start_service(&[]).await;
    let mut merchants = Vec::with_capacity(lost);
    for _ in 0..lost {
        merchants.push(world.authorize(A).await);
    }
    world.settle().await;
    world.stop_service().await;
    world.lose_all_but(&backup).await;
    let (code, out, err) = world.command(&["restored"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("the log is") && err.contains("mandate reconcile"), "{out}{err}");
    world.start_service(&[]).await;

    let tried = reconcile(&world, &["--dry-run"]);
    assert_eq!((&tried["total"], &tried["dry_run"]), (&json!(lost), &json!(true)), "{tried}");
    assert_eq!(
        world.status_counts().await,
        json!({"authorized": 0, "revoked": 0, "pending": 0, "broken": 0})
    );
    let before = world.calls(LIST).await.len();
    assert_eq!(before, pages(lost));

    let point = [("MANDATE_FAILPOINT", "reconcile.page:2")];
    let killed = Service::spawn(&world.folder(), &["reconcile", "--component", A], "reconcile.log", &point);
    assert!(matches!(killed.wait().await, Ended::Signal(_)), "it dies after its second page");
    assert_eq!(world.calls(LIST).await.len() - before, 2);
    let report = reconcile(&world, &[]);
    assert_eq!(world.calls(LIST).await.len() - before, pages(lost), "no page was asked for twice");
    assert_eq!(report["total"], lost, "{report}");
    world.settle().await;
    assert_eq!(world.status_counts().await["authorized"], lost);
    let found = |key: &str| report[key].as_u64().expect("a number");
    assert!(found("granted") >= (lost - 1_000) as u64 && found("to_confirm") == 0, "{report}");
    assert_eq!((found("without_token"), found("profiles")), (0, lost as u64), "{report}");
    for merchant in merchants.iter().step_by(lost / 20) {
        world.wait_working_token(merchant).await;
        let types = world.types(A, merchant).await;
        assert_eq!(types[..2], ["authorization.granted", "credentials.recovered"]);
        assert_eq!(types[2..], ["authorization.permissions_changed", "profile.recorded"]);
    }
    let again = reconcile(&world, &[]);
    assert_eq!((&again["granted"], &again["recovered"]), (&json!(0), &json!(0)), "{again}");
    world.finish().await;
}

/// The list is read, the merchant revokes, and only then the list is compared.
#[tokio::test]
async fn a_revocation_between_the_list_and_the_comparison_stays() {
    let world = World::start().await;
    let merchant = merchant(&world).await;
    world.fault(LIST, "latency", 1, json!("2s")).await;
    let comparing = Service::spawn(&world.folder(), &["reconcile", "--component", A], "reconcile.log", &[]);
    world.wait("the list to be read", async |world| (world.calls(LIST).await.len() == 1).then_some(())).await;
    world.again(A, &merchant, "revoke").await;
    world.wait_status(A, &merchant, "revoked").await;
    assert!(matches!(comparing.wait().await, Ended::Code(0)));
    world.settle().await;
    assert_eq!(world.authorizer(A, &merchant).await["status"], "revoked");
    world.finish().await;
}

/// Both pushes are lost: of a grant, and of a revocation.
#[tokio::test]
async fn lost_pushes_of_both_kinds_are_made_up_for() {
    let world = World::start().await;
    let gone = merchant(&world).await;
    world.control("switches", json!({"unauthorized_delivery": "lost"})).await;
    let revoke = json!({"component": A, "authorizer": gone, "act": "revoke"});
    world.control("authorizers", revoke).await;
    assert_eq!(world.authorizer(A, &gone).await["status"], "authorized", "nobody has told");
    let report = reconcile(&world, &[]);
    assert_eq!((&report["total"], &report["to_confirm"]), (&json!(0), &json!(1)), "{report}");
    world.wait_status(A, &gone, "revoked").await;
    world.finish().await;
}
