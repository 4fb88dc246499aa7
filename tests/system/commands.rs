//! The operator's commands beside a running service, and their exit codes.

use std::process::Command;

use serde_json::{Value, json};

use crate::world::{COMPONENT_A as A, Options, World, process::MANDATE};

#[tokio::test]
async fn commands_read_log_and_state_beside_the_service() {
    let world = World::start().await;
    world.ticket(A).await;
    world.settle().await; // position 2 is to be the merchant's
    let merchant = world.authorize(A).await;
    world.wait_view(A, &merchant, "profile", |view| view["profile"].is_object()).await;
    world.settle().await;

    let listed = world.command_json(&["authorizers", "list", "--status", "authorized"]);
    assert_eq!(listed[0]["app_id"], merchant);
    assert_eq!(listed, world.api("/authorizers").await["data"], "the same as the API says");
    let shown = world.command_json(&["authorizers", "show", A, &merchant]);
    assert_eq!(shown["status"], "authorized");
    let pending = world.command_json(&["authorizers", "show", A, &merchant, "--at-position", "2"]);
    assert_eq!(pending["status"], "pending");
    let history = world.command_json(&["authorizers", "history", A, &merchant]);
    assert_eq!(history.as_array().map(Vec::len), Some(4));

    let feed = world.feed().await;
    assert_eq!(world.command_json(&["events", "list"]), json!(feed));
    assert_eq!(world.command_json(&["events", "show", "2"]), feed[1]);
    assert_eq!(world.command_json(&["events", "show", feed[1]["id"].as_str().expect("an id")]), feed[1]);
    let (code, exported, _) = world.command(&["events", "export", "--type", "authorization.granted"]);
    assert_eq!((code, exported.lines().count()), (0, 1));
    let (_, table, _) = world.command(&["events", "list", "--limit", "1"]);
    assert!(table.starts_with("POSITION") && table.contains("component.ticket_received"), "{table}");

    let journal = world.command_json(&["journal", "status"]);
    assert_eq!(
        (&journal["new"], &journal["handed_over"], &journal["settled_kept"]),
        (&json!(0), &json!(0), &json!(2))
    );
    let (code, resent, _) = world.command(&["journal", "resend", "--since", "1h"]);
    assert_eq!((code, resent.trim()), (0, "2 callbacks will be handed over again"));
    world.settle().await;
    assert_eq!(world.feed().await.len(), feed.len(), "what was decided is not decided again");

    let (code, out, _) = world.command(&["migrate"]);
    let newest = mandate_schema::sql::SQLITE_MIGRATIONS.last().expect("there are some").number;
    let newest = format!("is at version {newest}");
    assert!(code == 0 && out.contains(&newest), "{out}");
    let (code, _, told) = world.command(&["standalone"]);
    assert!(code == 4 && told.contains("another mandate"), "{code} {told}");
    world.finish().await;
}

#[tokio::test]
async fn a_state_that_was_tampered_with_is_found_and_put_right() {
    let mut world = World::start().await;
    world.ticket(A).await;
    let merchant = world.authorize(A).await;
    world.wait_view(A, &merchant, "profile", |view| view["profile"].is_object()).await;
    world.settle().await;
    let database = rusqlite::Connection::open(world.data().join("mandate.db")).expect("the store");
    let sql =
        "update state set state = replace(state, 'authorized', 'revoked') where stream like 'authorizer/%'";
    assert_eq!(database.execute(sql, []).expect("writable"), 1);
    assert!(database.execute("delete from event", []).is_err(), "the log is append-only");
    assert!(database.execute("update event set data = '{}'", []).is_err(), "the log is append-only");
    drop(database);

    let (code, out, told) = world.command(&["rebuild", "--check"]);
    assert_eq!(code, 1, "{out}{told}");
    assert!(out.contains(&format!("differs: authorizer/{A}/{merchant}")), "{out}");
    let (code, out, _) = world.command(&["rebuild"]);
    assert!(code == 0 && out.contains("1 states were put right"), "{out}");
    world.check_rebuild();
    world.restart().await;
    assert_eq!(world.authorizer(A, &merchant).await["status"], "authorized");
    world.finish().await;
}

#[tokio::test]
async fn dead_letters_are_listed_retried_and_discarded() {
    let world = World::start().await;
    world.ticket(A).await;
    world.fault("api_get_authorizer_info", "errcode", 1, json!(48001)).await;
    let merchant = world.authorize(A).await;
    let letter = world
        .wait("the dead letter", async |world| {
            let letters = world.api("/dead-letters").await;
            letters["data"].get(0).cloned()
        })
        .await;
    assert_eq!(letter["reason"], "inspection_refused");
    let id = letter["id"].as_str().expect("an id");
    assert_eq!(world.command_json(&["dead-letters", "list"])[0]["id"], id);
    assert_eq!(world.command_json(&["dead-letters", "show", id])["reason"], "inspection_refused");
    let revived = world.command_json(&["dead-letters", "retry", "--all"]);
    assert_eq!(revived, json!([{"id": id, "outcome": "revived"}]));
    world.wait_view(A, &merchant, "profile", |view| view["profile"].is_object()).await;

    world.fault("api_get_authorizer_info", "errcode", 1, json!(48001)).await;
    world.authorize(A).await;
    let letter = world
        .wait("another dead letter", async |world| world.api("/dead-letters").await["data"].get(0).cloned())
        .await;
    let id = letter["id"].as_str().expect("an id");
    let (code, out, told) = world.command(&["dead-letters", "discard", id]);
    assert!(code == 0 && out.contains("discarded"), "{out}{told}");
    assert_eq!(world.command(&["dead-letters", "retry", id]).0, 3, "it is gone");
    assert_eq!(world.api("/dead-letters").await["data"], json!([]));
    world.finish().await;
}

#[tokio::test]
async fn what_is_not_there_wrong_or_refused_has_its_own_exit_code() {
    let world = World::start().await;
    for (arguments, expected) in [
        (vec!["events", "show", "4711"], 3),
        (vec!["authorizers", "show", A, "wx0000000000000000"], 3),
        (vec!["dead-letters", "show", "01890000-0000-7000-8000-000000000001"], 3),
        (vec!["events", "show", "nonsense"], 2),
        (vec!["events", "list", "--limit", "0"], 2),
        (vec!["journal", "resend", "--since", "yesterday"], 2),
        (vec!["events", "list", "--after", "4711"], 4),
        (vec!["frobnicate"], 2),
        (vec!["completion", "bash"], 0),
        (vec!["config", "check"], 0),
    ] {
        let (code, out, told) = world.command(&arguments);
        assert_eq!(code, expected, "{arguments:?}: {out}{told}");
    }
    world.finish().await;
}

#[test]
fn settings_are_shown_without_secrets_and_all_problems_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options::new();
    options.write(folder.path());
    let run = |arguments: &[&str]| {
        let mut command = Command::new(MANDATE);
        command.arg("--config").arg(folder.path().join("mandate.toml")).args(arguments);
        let done = command.env("MANDATE_LOG__LEVEL", "debug").output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (done.status.code(), text(&done.stdout), text(&done.stderr))
    };
    let (code, shown, _) = run(&["config", "show"]);
    assert_eq!(code, Some(0));
    assert!(shown.contains("log.level") && shown.contains("MANDATE_LOG__LEVEL"), "{shown}");
    let component = &options.components[0];
    for secret in [&component.secret, &component.pairs[0].token, &component.pairs[0].key] {
        assert!(!shown.contains(secret.as_str()));
    }
    let (_, shown, _) = run(&["config", "show", "-o", "json"]);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert!(shown.as_array().is_some_and(|keys| keys.len() > 30));

    std::fs::write(
        folder.path().join("mandate.toml"),
        "[ingress]\nlisten = \"here\"\nlissten = 1\n[storage]\npool = 0\n",
    )
    .expect("writable");
    let (code, _, told) = run(&["config", "check"]);
    assert_eq!(code, Some(2));
    for key in ["ingress.listen", "ingress.lissten", "storage.pool"] {
        assert!(told.contains(key), "{key} is missing in {told}");
    }
}

#[test]
fn a_new_key_is_accepted_as_a_master_key() {
    let done = Command::new(MANDATE).args(["keygen", "--id", "2026-11"]).output().expect("it runs");
    let key = String::from_utf8(done.stdout).expect("text");
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options { seal_key: key.trim().to_owned(), ..Options::new() };
    options.write(folder.path());
    let checked =
        Command::new(MANDATE).args(["config", "check"]).current_dir(folder.path()).output().expect("it runs");
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stderr));
}
