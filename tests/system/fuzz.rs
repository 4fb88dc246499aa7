//! Every route of the API with generated requests, good and bad: `tests/soak schemathesis`.

use std::process::{Command, Stdio};

use crate::world::{COMPONENT_A as A, Stack, World};

/// How long it generates requests, in seconds.
const SECONDS: &str = "600";

#[tokio::test]
#[ignore = "ten minutes; tests/soak schemathesis"]
async fn soak_schemathesis() {
    let program = std::env::var("MANDATE_SOAK_SCHEMATHESIS").expect("tests/soak sets it");
    let mut world = World::on(Stack::Embedded).await;
    world.ticket(A).await;
    for _ in 0..3 {
        let merchant = world.authorize(A).await;
        world.wait_status(A, &merchant, "authorized").await;
    }
    world.settle().await;
    let scopes = [
        "state:read",
        "events:read",
        "token:read",
        "messages:read",
        "link:create",
        "webhook:manage",
        "proxy",
        "admin",
    ];
    let scopes: Vec<&str> = scopes.into_iter().flat_map(|scope| ["--scope", scope]).collect();
    let (_, key) = world.api_key(&scopes);
    let mut command = Command::new(program);
    command
        .args(["run", &world.console_url("/api/v1/openapi.json")])
        .args(["--max-time", SECONDS, "--workers", "2", "--continue-on-failure", "--request-timeout", "40"])
        .args(["--checks", CHECKS])
        // It never ends.
        .args(["--exclude-path", "/events/stream"])
        .args(["--header", &format!("Authorization: Bearer {key}")])
        .current_dir(world.folder())
        .stdin(Stdio::null());
    let run = tokio::task::spawn_blocking(move || command.status());
    let status = run.await.expect("no panic").expect("schemathesis is installed");
    assert!(!world.has_died(), "the service died");
    assert!(status.success(), "schemathesis found something, see above");
}

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance";
