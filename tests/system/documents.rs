//! The documents of a running service, read by independent implementations.

use std::{path::Path, process::Command};

use crate::world::{World, servers::variable};

/// What a program says that must succeed.
fn said(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[tokio::test]
async fn openapi_and_asyncapi_are_valid_and_what_they_refer_to_is_served() {
    let world = World::start().await;
    let openapi = world.api("/openapi.json").await;
    assert_eq!(openapi["openapi"], "3.1.0");
    let file = world.folder().join("openapi.json");
    std::fs::write(&file, openapi.to_string()).expect("our own folder");
    let python = variable("MANDATE_TEST_PYTHON");
    said(Command::new(python).args(["-m", "openapi_spec_validator", "--schema", "3.1"]).arg(&file));

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/node/asyncapi.js");
    let url = world.console_url("/api/v1/asyncapi.json");
    let mut command = Command::new("node");
    command.arg(script).arg(&url).env("NODE_PATH", variable("MANDATE_TEST_NODE_MODULES"));
    assert_eq!(said(&mut command).trim(), "events eventsLog messages messagesLog stream webhook");
    world.finish().await;
}
