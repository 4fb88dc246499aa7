//! A code that cannot be redeemed, or whose redemption nobody heard of.

use serde_json::json;

use super::{A, INFO, LIST, Trouble, Value, World};

const REDEEM: &str = "api_query_auth";

async fn refused(errcode: i64) {
    let world = World::start().await;
    world.ticket(A).await;
    world.trouble(&Trouble::errcode(REDEEM, errcode)).await;
    let merchant = world.authorize(A).await;
    world.wait_status(A, &merchant, "broken").await;
    let (status, body) = world.token(&merchant).await;
    assert_eq!((status, body["code"].as_str()), (409, Some("broken")));
    world
        .within(
            &format!("{REDEEM} {errcode} | broken, only the merchant can help"),
            &[0, 0, 0],
            &[(REDEEM, 1), (INFO, 1), (LIST, 1)],
        )
        .await;
    world.clear_faults().await;
    world.again(A, &merchant, "update").await;
    world.wait_working_token(&merchant).await;
    world.finish().await;
}

#[tokio::test]
async fn was_used_or_is_of_another() {
    refused(61009).await;
}

#[tokio::test]
async fn has_expired() {
    refused(61010).await;
}

#[tokio::test]
async fn was_redeemed_and_nobody_heard_of_it() {
    let world = World::start().await;
    world.ticket(A).await;
    let lost = Trouble { api: REDEEM, kind: "drop_answer", times: 1, value: Value::Null };
    world.trouble(&lost).await;
    let merchant = world.authorize(A).await;
    world.wait_working_token(&merchant).await;
    world.settle().await;
    world
        .within(&format!("{REDEEM} drop_answer | heals"), &[0, 0, 0], &[(REDEEM, 2), (INFO, 2), (LIST, 0)])
        .await;
    world.finish().await;
}

#[tokio::test]
async fn of_an_account_without_api_permissions_brings_no_token() {
    let world = World::start().await;
    world.ticket(A).await;
    let nowhere = json!({"tokens_in_query_auth": "absent", "refresh_token_in_info": "absent", "refresh_token_in_list": "empty"});
    world.control("switches", nowhere).await;
    let merchant = world.authorize(A).await;
    world.wait_status(A, &merchant, "authorized").await;
    world.settle().await;
    let (status, body) = world.token(&merchant).await;
    assert_eq!((status, body["code"].as_str()), (409, Some("no_api_permission")), "{body}");
    world.finish().await;
}

#[tokio::test]
async fn that_brings_no_token_gets_the_one_that_info_names() {
    let world = World::start().await;
    world.ticket(A).await;
    world.control("switches", json!({"tokens_in_query_auth": "absent"})).await;
    let merchant = world.authorize(A).await;
    world.wait_working_token(&merchant).await;
    world.finish().await;
}
