//! Erasing an account, as an operator does it beside the running service.

use serde_json::{Value, json};

use super::{A, World, merchant};
use crate::world::Stack;

/// The documents of the notices, oldest first; null once erased.
async fn documents(world: &World) -> Vec<Value> {
    let feed = world.feed().await.into_iter();
    feed.filter(|event| event["type"] == "mandate.component.notice_received.v1")
        .map(|event| event["data"]["document"].clone())
        .collect()
}

async fn erase(stack: Stack) {
    let world = World::on(stack).await;
    let (gone, stays) = (merchant(&world).await, merchant(&world).await);
    for merchant in [&gone, &stays] {
        world.wait_view(A, merchant, "profile", |view| view["profile"].is_object()).await;
    }
    for fields in [json!({"appid": stays, "partner_appid": gone}), json!({"appid": stays})] {
        world.push(json!({"component": A, "info_type": "notify_of_tomorrow", "fields": fields})).await;
    }
    world.settle().await;
    let command = |more: &[&str]| {
        let arguments = ["authorizers", "erase", A, &gone, "--reason", "the merchant asked for it"];
        world.command(&[&arguments[..], more].concat())
    };

    let (code, _, err) = command(&[]);
    assert_eq!((code, err.contains("--yes")), (2, true), "{err}");
    let (code, _, err) = command(&["--yes"]);
    assert_eq!((code, err.contains("authorized, not revoked")), (4, true), "{err}");
    world.again(A, &gone, "revoke").await;
    world.wait_status(A, &gone, "revoked").await;
    world.settle().await;
    let (code, _, err) = command(&["--yes"]);
    assert_eq!(code, 0, "{err}");

    let view = world.wait_view(A, &gone, "no profile", |view| view["profile"].is_null()).await;
    assert_eq!(view["status"], "revoked");
    world
        .wait("what the running worker has at hand to be gone", async |world| {
            let documents = documents(world).await;
            (documents.len() == 2 && documents[0].is_null() && documents[1].is_object()).then_some(())
        })
        .await;
    let history = world.history(A, &gone).await;
    let erased =
        history.iter().find(|event| event["type"] == "mandate.authorizer.erased.v1").expect("the event");
    assert_eq!(erased["data"]["reason"], "the merchant asked for it");
    assert!(history.iter().any(|event| event["type"] == "mandate.profile.recorded.v1"), "the history stays");
    let acts = world.command_json(&["audit"]);
    assert!(acts.to_string().contains("authorizer.erased"), "{acts}");
    world.wait_working_token(&stays).await;

    world.again(A, &gone, "authorize").await;
    world.wait_working_token(&gone).await;
    world.wait_view(A, &gone, "profile", |view| view["profile"].is_object()).await;
    assert_eq!(command(&["--yes"]).0, 4, "it is held again");
    assert_eq!(command(&["--yes", "--force"]).0, 0);
    world.finish().await;
}

#[tokio::test]
async fn an_account_is_erased_beside_the_running_service() {
    erase(Stack::Embedded).await;
}

mod on_servers {
    use super::{Stack, erase};

    #[tokio::test]
    async fn an_account_is_erased_beside_the_running_service() {
        erase(Stack::Servers).await;
    }
}
