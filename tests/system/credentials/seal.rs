//! Master keys come and go; what was sealed stays readable.

use serde_json::{Value, json};

use super::{A, World, merchant};
use crate::world::{Ended, Options, Service, Stack};

/// Another master key, as [seal] keys has it.
fn another(id: &str) -> String {
    Options::new().seal_key.replacen("test:", &format!("{id}:"), 1)
}

fn status(world: &World) -> Vec<(String, u64)> {
    let rows = world.command_json(&["seal", "status"]);
    let row = |row: &Value| {
        (row["master_key"].as_str().expect("an id").to_owned(), row["data_keys"].as_u64().expect("a number"))
    };
    rows.as_array().expect("a list").iter().map(row).collect()
}

async fn rotate(stack: Stack) {
    let mut world = World::on(stack).await;
    let first = merchant(&world).await;
    let old = world.options.seal_key.clone();
    let new = another("new");
    world.options.seal_key = format!("{new}\", \"{old}");
    world.restart().await;
    let second = world.authorize(A).await;
    world.wait_working_token(&second).await;
    world.settle().await;
    let before = status(&world);
    assert!(before[0].1 > 0 && before[1].1 > 0, "both wrap something: {before:?}");

    let point = [("MANDATE_FAILPOINT", "seal.rotated")];
    let killed = Service::spawn(&world.folder(), &["seal", "rotate"], "rotate.log", &point);
    assert!(matches!(killed.wait().await, Ended::Signal(_)), "it dies after its first batch");
    let (code, out, err) = world.command(&["seal", "rotate"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("no longer used"), "{out}");
    assert_eq!(status(&world), [("new".to_owned(), before[0].1 + before[1].1), ("test".to_owned(), 0)]);
    world.wait_working_token(&first).await;

    world.options.seal_key = new;
    world.restart().await;
    for merchant in [&first, &second] {
        let token = world.wait_working_token(merchant).await;
        let (status, body) = world.invalidate(merchant, &token).await;
        assert_eq!(status, 200, "the refresh token opens: {body}");
        assert!(world.authorizer(A, merchant).await["profile"].is_object(), "the profile opens");
    }
    world.finish().await;
}

#[tokio::test]
async fn the_old_master_key_can_go_after_a_rotation() {
    rotate(Stack::Embedded).await;
}

mod on_servers {
    use super::{Stack, rotate};

    #[tokio::test]
    async fn the_old_master_key_can_go_after_a_rotation() {
        rotate(Stack::Servers).await;
    }
}

#[tokio::test]
async fn a_master_key_that_went_too_early_is_named() {
    let mut world = World::start().await;
    merchant(&world).await;
    let old = world.options.seal_key.clone();
    world.stop_service().await;
    world.options.seal_key = another("new");
    world.write_config();
    let (code, out, err) = world.command(&["seal", "rotate"]);
    assert_eq!(code, 4, "{out}{err}");
    assert!(err.contains("wrapped by test"), "{err}");
    world.options.seal_key = old;
    world.start_service(&[]).await;
    assert_eq!(json!(status(&world)[0].0), "test");
    world.finish().await;
}
